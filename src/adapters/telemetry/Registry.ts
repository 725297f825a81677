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

/** A number, or a set of numbers, for each combination of label values that was seen. */
class Series<Measured> {
  readonly labels: Values
  readonly #make: () => Measured
  readonly #known = new Map<string, Measured>()

  constructor(labels: Values, make: () => Measured) {
    this.labels = labels
    this.#make = make
    if (labels.length === 0) this.of([])
  }

  of(values: Values): Measured {
    const pairs = pairsOf(this.labels, values)
    const known = this.#known.get(pairs)
    if (known !== undefined) return known
    const isFull = this.#known.size >= MOST_SERIES
    if (isFull && !values.every((value) => value === OTHER)) return this.of(values.map(() => OTHER))
    const value = this.#make()
    this.#known.set(pairs, value)
    return value
  }

  all(): Iterable<readonly [pairs: string, value: Measured]> {
    return this.#known
  }
}

type Read = () => Iterable<readonly [values: Values, value: number]>

interface Metric {
  readonly described: Described
  readonly type: "counter" | "gauge" | "histogram"
  readonly samples: () => string
}

/** A number that only grows, for each combination of labels. */
export interface Counter {
  /** `values` stand in the order of the labels. What it gives counts for them from then on. */
  readonly of: (values: Values) => { count: number }
}
/** The numbers of values below certain bounds, for each combination of labels. */
export interface Histogram {
  readonly of: (values: Values) => { readonly observe: (value: number) => void }
}

class Observed {
  readonly #bounds: ReadonlyArray<number>
  readonly counts: Array<number>
  count = 0
  sum = 0

  constructor(bounds: ReadonlyArray<number>) {
    this.#bounds = bounds
    this.counts = bounds.map(() => 0)
  }

  observe(value: number): void {
    this.count += 1
    this.sum += value
    const at = this.#bounds.findIndex((bound) => value <= bound)
    if (at >= 0) this.counts[at] = (this.counts[at] ?? 0) + 1
  }
}

/** Metrics of this process, in memory: plain numbers, told in the text format of Prometheus. */
export class Registry {
  readonly #metrics: Array<Metric> = []

  counter(described: Described): Counter {
    const series = new Series(described.labels ?? [], () => ({ count: 0 }))
    const counted = () => {
      let text = ""
      for (const [pairs, value] of series.all()) text += line(described.name, pairs, value.count)
      return text
    }
    this.#metrics.push({ described, type: "counter", samples: counted })
    return { of: (values) => series.of(values) }
  }

  /** Asked whenever the metrics are. */
  gauge(described: Described, read: Read): void {
    this.#asked("gauge", described, read)
  }

  /** A counter that is kept elsewhere: asked whenever the metrics are, it only grows. */
  total(described: Described, read: Read): void {
    this.#asked("counter", described, read)
  }

  #asked(type: Metric["type"], described: Described, read: Read): void {
    const { labels = [], name } = described
    const asked = () => {
      let text = ""
      for (const [values, value] of read()) text += line(name, pairsOf(labels, values), value)
      return text
    }
    this.#metrics.push({ described, type, samples: asked })
  }

  /** `bounds` go up. */
  histogram(described: Described, bounds: ReadonlyArray<number>): Histogram {
    const { labels = [], name } = described
    const series = new Series(labels, () => new Observed(bounds))
    const observed = () => {
      let text = ""
      for (const [pairs, value] of series.all()) {
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
    this.#metrics.push({ described, type: "histogram", samples: observed })
    return { of: (values) => series.of(values) }
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
