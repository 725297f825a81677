import { Effect } from "effect"
import type { ReadModelUnavailable } from "../../projections/ReadModel.ts"
import type { Row } from "../../projections/Table.ts"

type Reading = Effect.Effect<void, ReadModelUnavailable>

/** The rows of a table in the order of its key, each handed over once; a portion of them is in memory at a time. */
export interface RowsInOrder {
  /** Hands over rows as long as they are wanted. */
  readonly takeWhile: (isWanted: (row: Row) => boolean, take: (row: Row) => void) => Reading
  readonly takeAll: (take: (row: Row) => void) => Reading
}

/** Reads rows with `fetch`, which gives the next of them, and none at the end. */
export const rowsInOrder = (fetch: Effect.Effect<ReadonlyArray<Row>, ReadModelUnavailable>): RowsInOrder => {
  let portion: ReadonlyArray<Row> = []
  let next = 0
  const takeWhile = Effect.fnUntraced(function* (isWanted: (row: Row) => boolean, take: (row: Row) => void) {
    while (true) {
      for (let row = portion[next]; row !== undefined; row = portion[next]) {
        if (!isWanted(row)) return
        take(row)
        next += 1
      }
      portion = yield* fetch
      next = 0
      if (portion.length === 0) return
    }
  })
  return { takeWhile, takeAll: (take) => takeWhile(() => true, take) }
}
