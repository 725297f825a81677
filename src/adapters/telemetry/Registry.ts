/** Combinations of labels that one metric keeps apart; what comes after them counts as `other`. */
const MOST_SERIES = 5_000
const OTHER = "other"

type Values = ReadonlyArray<string>

interface Described {
  readonly name: string
  readonly help: string
  readonly labels?: Values
}

const escaped = (text: string) =>
  text
    .replaceAll("\\", String.raw`\\`)
    .replaceAll('"', String.raw`\"`)
    .replaceAll("\n", String.raw`\n`)

const pairsOf = (labels: Values, values: Values) =>
  labels.map((label, at) => `${label}="${escaped(values[at] ?? "")}"`).join()

const line = (name: string, pairs: string, value: number) =>
  `${name}${pairs === "" ? "" : `{${pairs}}`} ${value}\n`

/** All series whose first values are the same. */
class Branch<A> {
  readonly more = new Map<string, Branch<A>>()
  /** Of no more values than these. */
  own: A | undefined
}

/**
 * One number, or set of numbers, for each combination of label values that was seen: found value by value, which costs
 * less than making one key of all of them.
 */
class Series<A> {
  readonly labels: Values
  readonly #make: () => A
  readonly #root = new Branch<A>()
  readonly #known: Array<{ readonly pairs: string; readonly value: A }> = []

  constructor(labels: Values, make: () => A) {
    this.labels = labels
    this.#make = make
    if (labels.length === 0) this.of([])
  }

  of(values: Values): A {
    let branch: Branch<A> | undefined = this.#root
    for (const value of values) branch = branch?.more.get(value)
    return branch?.own ?? this.#add(values)
  }

  all(): Iterable<{ readonly pairs: string; readonly value: A }> {
    return this.#known
  }

  #add(values: Values): A {
    const isFull = this.#known.length >= MOST_SERIES
    if (isFull && !values.every((value) => value === OTHER)) return this.of(values.map(() => OTHER))
    const own = this.#make()
    this.#branchOf(values).own = own
    this.#known.push({ pairs: pairsOf(this.labels, values), value: own })
    return own
  }

  #branchOf(values: Values): Branch<A> {
    let branch = this.#root
    for (const value of values) {
      const next = branch.more.get(value) ?? new Branch<A>()
      branch.more.set(value, next)
      branch = next
    }
    return branch
  }
}

interface Metric {
  readonly described: Described
  readonly type: "counter" | "gauge" | "histogram"
  readonly samples: () => string
}

/** A number that only grows. */
export interface Counter {
  /** `values` stand in the order of the labels. */
  readonly add: (values: Values, by?: number) => void
}
/** How many values lay below which bounds. */
export interface Histogram {
  readonly observe: (values: Values, value: number) => void
}

/** Metrics of this process, in memory: plain numbers, told in the text format of Prometheus. */
export class Registry {
  readonly #metrics: Array<Metric> = []

  counter(described: Described): Counter {
    const series = new Series(described.labels ?? [], () => ({ count: 0 }))
    const samples = () => {
      let text = ""
      for (const { pairs, value } of series.all()) text += line(described.name, pairs, value.count)
      return text
    }
    this.#metrics.push({ described, type: "counter", samples })
    return {
      add: (values, by = 1) => {
        series.of(values).count += by
      },
    }
  }

  /** Asked whenever the metrics are. */
  gauge(described: Described, read: () => Iterable<readonly [values: Values, value: number]>): void {
    const { labels = [], name } = described
    const samples = () => {
      let text = ""
      for (const [values, value] of read()) text += line(name, pairsOf(labels, values), value)
      return text
    }
    this.#metrics.push({ described, type: "gauge", samples })
  }

  /** `bounds` go up. */
  histogram(described: Described, bounds: ReadonlyArray<number>): Histogram {
    const { labels = [], name } = described
    const series = new Series(labels, () => ({ counts: bounds.map(() => 0), count: 0, sum: 0 }))
    const samples = () => {
      let text = ""
      for (const { pairs, value } of series.all()) {
        const before = pairs === "" ? "" : `${pairs},`
        let below = 0
        for (const [at, bound] of bounds.entries()) {
          below += value.counts[at] ?? 0
          text += line(`${name}_bucket`, `${before}le="${bound}"`, below)
        }
        text += line(`${name}_bucket`, `${before}le="+Inf"`, value.count)
        text += line(`${name}_sum`, pairs, value.sum) + line(`${name}_count`, pairs, value.count)
      }
      return text
    }
    this.#metrics.push({ described, type: "histogram", samples })
    return {
      observe: (values, value) => {
        const one = series.of(values)
        one.count += 1
        one.sum += value
        const at = bounds.findIndex((bound) => value <= bound)
        if (at >= 0) one.counts[at] = (one.counts[at] ?? 0) + 1
      },
    }
  }

  /** Version 0.0.4 of the text format. */
  text(): string {
    return this.#metrics
      .map(
        ({ described: { help, name }, samples, type }) =>
          `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${samples()}`,
      )
      .join("")
  }
}
