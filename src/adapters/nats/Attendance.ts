/** Milliseconds without a word after which a node is gone. It speaks each second. */
const GONE_AFTER = 3_500
/** Milliseconds between two looks after which this node itself was not there: it has heard nobody. */
const STALLED_AFTER = 2_000

/** The nodes that are there, by what one node hears. Times are any clock's that only goes forward. */
export class Attendance {
  readonly #own: string
  /** The time at which each of the others was heard last. */
  readonly #heard = new Map<string, number>()
  #lookedAt = -Infinity

  constructor(own: string) {
    this.#own = own
  }

  get count(): number {
    return this.#heard.size + 1
  }

  /** By their ids, which chance has given. */
  get isFirst(): boolean {
    return [...this.#heard.keys()].every((id) => this.#own < id)
  }

  /** Like the others, whether it is news. */
  heard(id: string, now: number): boolean {
    const isNew = !this.#heard.has(id)
    this.#heard.set(id, now)
    return isNew
  }

  left(id: string): boolean {
    return this.#heard.delete(id)
  }

  /** Gives up those who were not heard for long, though they could be. */
  look(now: number, isUp: boolean): boolean {
    const couldHear = isUp && now - this.#lookedAt < STALLED_AFTER
    this.#lookedAt = now
    let isNews = false
    for (const [id, at] of this.#heard) {
      if (!couldHear) this.#heard.set(id, now)
      else if (now - at > GONE_AFTER) isNews = this.left(id) || isNews
    }
    return isNews
  }
}
