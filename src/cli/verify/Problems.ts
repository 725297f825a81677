/** A thing that is not as it must be. With `seq` 0 and `aggregate` "" it belongs to none in particular. */
export interface Problem {
  readonly seq: number
  readonly aggregate: string
  readonly problem: string
}

const SHOWN = 1_000

/** The problems in the order in which they were found. The first 1,000 are kept, the others counted. */
export class Problems {
  readonly #shown: Array<Problem> = []
  #count = 0
  #first: number | undefined

  get count(): number {
    return this.#count
  }

  /** The first position with a problem, if one has any. */
  get first(): number | undefined {
    return this.#first
  }

  note(seq: number, aggregate: string, problem: string): void {
    this.#count += 1
    if (seq > 0) this.#first = Math.min(seq, this.#first ?? seq)
    if (this.#count <= SHOWN) this.#shown.push({ seq, aggregate, problem })
  }

  add(others: Problems): void {
    for (const { aggregate, problem, seq } of others.#shown) this.note(seq, aggregate, problem)
    this.#count += others.#count - others.#shown.length
    const first = Math.min(this.#first ?? Infinity, others.#first ?? Infinity)
    if (first < Infinity) this.#first = first
  }

  get all(): ReadonlyArray<Problem> {
    const more = this.#count - this.#shown.length
    return more === 0
      ? this.#shown
      : [...this.#shown, { seq: 0, aggregate: "", problem: `and ${more} more problems` }]
  }
}
