import type { UsageRecord } from "../../domain/Usage.ts"

const MOST_WAITING = 100_000
/** So many at a time, the oldest, give way to new ones. */
const LOST_AT_ONCE = 1_000
/** Of one message: with four bytes a character it fits where any record of the log does. */
const MOST_RECORDS = 100
const MOST_CHARACTERS = 60_000

/** Some records, and the same as JSON. */
export interface Taken {
  readonly records: ReadonlyArray<UsageRecord>
  readonly json: string
}

/** Records on their way to the log. While it is away they wait here, but not without end. */
export class Waiting {
  readonly #records: Array<UsageRecord> = []
  #lost = 0

  get size(): number {
    return this.#records.length
  }

  /** The number of records that had to give way since the start. */
  get lost(): number {
    return this.#lost
  }

  /** Says how many had to give way for it. */
  add(record: UsageRecord): number {
    this.#records.push(record)
    if (this.#records.length <= MOST_WAITING) return 0
    this.#records.splice(0, LOST_AT_ONCE)
    this.#lost += LOST_AT_ONCE
    return LOST_AT_ONCE
  }

  /** The oldest: as many as go into one message, no longer among those that wait. */
  take(): Taken {
    const texts: Array<string> = []
    let characters = 0
    for (const record of this.#records) {
      if (texts.length >= MOST_RECORDS || characters >= MOST_CHARACTERS) break
      const text = JSON.stringify(record)
      texts.push(text)
      characters += text.length
    }
    return { records: this.#records.splice(0, texts.length), json: `[${texts.join()}]` }
  }
}
