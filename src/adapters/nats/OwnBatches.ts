import { Effect } from "effect"
import type { UsageRecord } from "../../domain/Usage.ts"

/** They come back from the log within milliseconds. */
const MOST = 100

interface Sent {
  readonly number: number
  readonly records: ReadonlyArray<UsageRecord>
}

/**
 * The batches that this node has sent to the log, for as long as it takes until it reads them there: then they need
 * not be decoded. Nothing is kept while nobody reads, and what is not here is in the log.
 */
export class OwnBatches {
  #sent: Array<Sent> = []
  #readers = 0

  /** While its scope lives somebody reads. */
  readonly read = Effect.acquireRelease(
    Effect.sync(() => {
      this.#readers += 1
    }),
    () =>
      Effect.sync(() => {
        this.#readers -= 1
        this.#sent = []
      }),
  )

  keep(number: number, records: ReadonlyArray<UsageRecord>): void {
    const isAgain = this.#sent.at(-1)?.number === number
    if (this.#readers === 0 || isAgain) return
    this.#sent.push({ number, records })
    if (this.#sent.length > MOST) this.#sent.shift()
  }

  /** Undefined when they are not here (any more). They come back in the order of their numbers. */
  take(number: number): ReadonlyArray<UsageRecord> | undefined {
    while ((this.#sent[0]?.number ?? number) < number) this.#sent.shift()
    return this.#sent[0]?.number === number ? this.#sent.shift()?.records : undefined
  }
}
