import { Effect } from "effect"
import type { ReadModelUnavailable } from "../../projections/ReadModel.ts"
import type { Row } from "../../projections/Table.ts"

/** The rows of a table in the order of its key, each handed over once; a portion of them is in memory at a time. */
export class RowsInOrder {
  readonly #fetch: Effect.Effect<ReadonlyArray<Row>, ReadModelUnavailable>
  #portion: ReadonlyArray<Row> = []
  #next = 0

  /** `fetch` gives the next rows, and none at the end. */
  constructor(fetch: Effect.Effect<ReadonlyArray<Row>, ReadModelUnavailable>) {
    this.#fetch = fetch
  }

  /** Hands over rows as long as they are wanted. */
  readonly takeWhile = Effect.fnUntraced(
    { self: this },
    function* (this: RowsInOrder, isWanted: (row: Row) => boolean, take: (row: Row) => void) {
      while (true) {
        for (let row = this.#portion[this.#next]; row !== undefined; row = this.#portion[this.#next]) {
          if (!isWanted(row)) return
          take(row)
          this.#next += 1
        }
        this.#portion = yield* this.#fetch
        this.#next = 0
        if (this.#portion.length === 0) return
      }
    },
  )

  takeAll(take: (row: Row) => void) {
    return this.takeWhile(() => true, take)
  }
}
