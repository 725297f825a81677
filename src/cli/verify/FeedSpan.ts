import { expiry } from "../../projections/Batch.ts"

const HOUR = "2026-03-01T12".length

/** The times of the feed's frames in the log's order: what a frame's may be, and which frames are too old to be kept. */
export class FeedSpan {
  /** The newest frame of each hour, from the last that is gone on. */
  readonly #newest = new Map<string, number>()
  #clock = "1970-01-01T00:00:00.000Z"

  /** The latest time that a frame may have: times never go back along the feed. */
  get latest(): string {
    return this.#clock
  }

  /** Takes note of a time, which counts for all frames from now on. */
  note(at: string): void {
    if (at > this.#clock) this.#clock = at
  }

  /** Takes note of frames of the record at `seq`. */
  add(seq: number): void {
    const hour = this.#clock.slice(0, HOUR)
    const isNew = !this.#newest.has(hour)
    this.#newest.set(hour, seq)
    if (isNew) this.#forget()
  }

  /** The record whose frames are the first that are kept; 0 stands for the row that was there before any record. */
  get begin(): number {
    const [first] = this.#newest
    return first !== undefined && this.#isGone(first[0]) ? first[1] : 0
  }

  #isGone(hour: string): boolean {
    return hour < expiry(this.#clock).slice(0, HOUR)
  }

  #forget(): void {
    const gone = [...this.#newest.keys()].filter((hour) => this.#isGone(hour))
    for (const hour of gone.slice(0, -1)) this.#newest.delete(hour)
  }
}
