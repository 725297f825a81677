import { Effect } from "effect"
import { type Model, Store } from "../../projections/Store.ts"

/** No tables: only the one lock among all processes that comes with a model. */
const sweeping: Model = { name: "sweepers", tables: [], version: "1" }

const BEFORE_NEXT_TERM = "500 millis"

/**
 * Runs the work on one node at a time; the others wait to take over. Work that never ends is interrupted when its
 * term is over (an outage of PostgreSQL is enough), and begins anew with the next. Never ends by itself.
 */
export const whileLeading = <Requirements>(work: Effect.Effect<unknown, never, Requirements>) =>
  Effect.gen(function* () {
    const store = yield* Store

    const term = Effect.gen(function* () {
      const { ended } = yield* store.lead(sweeping)
      return yield* Effect.raceFirst(work, ended)
    }).pipe(
      Effect.scoped,
      Effect.catchTag("TermEnded", ({ reason }) => Effect.logWarning(`no longer sweeping: ${reason}`)),
    )

    return yield* term.pipe(Effect.andThen(Effect.sleep(BEFORE_NEXT_TERM)), Effect.forever)
  })
