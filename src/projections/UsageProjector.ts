import { Effect, Stream } from "effect"
import { type Checkpoint, type RowsRefused, Store, type Term, type TermEnded } from "./Store.ts"
import type { Table } from "./Table.ts"
import { usageModel, usageNode } from "./Usage.ts"
import { type SummedBatch, sumsOf, UsageBook } from "./UsageBook.ts"
import { UsageLog } from "./UsageLog.ts"

// A batch is a message of up to 100 records; a second's delay saves most writes.
const MOST = 200
const TOGETHER = "1 second"
const BEFORE_NEXT_TERM = "500 millis"

/**
 * Keeps the tables of usage up to date, as the one writer or waiting to become it: each record counts once,
 * whatever is read twice. Never fails; an outage ends a term, and the next begins when it is over.
 */
export const usageProjector = Effect.gen(function* () {
  const log = yield* UsageLog
  const store = yield* Store

  const lead = Effect.fn("Usage.lead")(function* (term: Term) {
    const { epoch, last } = yield* log.head
    // Another log, or one that lost its end with the power: what is counted stays, and the numbers of the
    // batches tell what is new in what is there.
    const isKnown = term.start.log === epoch && term.start.seq <= last
    let book = new UsageBook()
    let at: Checkpoint = term.start

    const look = (table: Table, ids: ReadonlyArray<string>) =>
      ids.length === 0 ? Effect.void : Effect.map(term.rows(table, ids), (rows) => book.remember(table, rows))

    const count = Effect.fnUntraced(function* (batches: ReadonlyArray<SummedBatch>) {
      yield* look(usageNode, book.unknownNodes(batches))
      const sheet = book.sum(batches)
      for (const [table, ids] of book.missing(sheet)) yield* look(table, ids)
      const to = { seq: batches.at(-1)?.seq ?? at.seq, hash: "", log: epoch }
      yield* term.commit({ from: at.seq, to, writes: book.add(sheet).tables })
      at = to
    })

    /** Leaves out a batch that PostgreSQL will never take, so that it does not stand in the way of those after it. */
    const leaveOut = Effect.fnUntraced(function* (
      { node, number, seq }: SummedBatch,
      { reason }: RowsRefused,
    ) {
      yield* Effect.logError(
        `usage batch ${number} of node ${node} (signal ${seq}) can't be counted: ${reason}`,
      )
      yield* count([{ node, number, seq, sums: sumsOf([]) }])
    })

    const countAll = (batches: ReadonlyArray<SummedBatch>): Effect.Effect<void, TermEnded | RowsRefused> =>
      Effect.catchTag(count(batches), "RowsRefused", (refused) => {
        book = new UsageBook()
        const [first] = batches
        if (first === undefined) return Effect.void
        return batches.length === 1
          ? leaveOut(first, refused)
          : Effect.forEach(batches, (one) => countAll([one]), { discard: true })
      })

    yield* log.follow(isKnown ? at.seq : 0).pipe(
      // At once: records that wait for the second to be over would be old objects by then, which cost V8 the most.
      Stream.map(({ records, ...batch }): SummedBatch => ({ ...batch, sums: sumsOf(records) })),
      Stream.groupedWithin(MOST, TOGETHER),
      Stream.runForEach(countAll),
    )
  })

  const oneTerm = Effect.gen(function* () {
    const term = yield* store.lead(usageModel)
    return yield* Effect.raceFirst(lead(term), term.ended)
  }).pipe(
    Effect.scoped,
    Effect.catch(({ reason }) => Effect.logWarning(`not counting usage: ${reason}`)),
  )

  return yield* oneTerm.pipe(Effect.andThen(Effect.sleep(BEFORE_NEXT_TERM)), Effect.forever)
})
