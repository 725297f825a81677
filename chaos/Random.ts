/** Chance that can be had again: the same seed gives the same choices (mulberry32). */
export class Random {
  readonly seed: number
  #state: number

  constructor(seed: number) {
    this.seed = seed >>> 0
    this.#state = this.seed
  }

  /** From 0 up to but not 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }

  /** A whole number from `low` up to and with `high`. */
  between(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1))
  }

  chance(share: number): boolean {
    return this.next() < share
  }

  pick<Item>(all: readonly [Item, ...ReadonlyArray<Item>] | ReadonlyArray<Item>): Item {
    const picked = all[this.between(0, all.length - 1)]
    if (picked === undefined) throw new Error("nothing to pick from")
    return picked
  }

  shuffled<Item>(all: ReadonlyArray<Item>): ReadonlyArray<Item> {
    return all
      .map((one) => [this.next(), one] as const)
      .toSorted(([a], [b]) => a - b)
      .map(([, one]) => one)
  }

  /** A source of its own, so that what one client does never shifts the chance of another. */
  fork(name: string): Random {
    let hash = this.seed ^ 0x9e3779b9
    for (const letter of name) hash = Math.imul(hash ^ letter.charCodeAt(0), 0x01000193)
    return new Random(hash)
  }

  /** Letters and digits. */
  word(length: number): string {
    const letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    return Array.from({ length }, () => letters[this.between(0, letters.length - 1)]).join("")
  }
}
