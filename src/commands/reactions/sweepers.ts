import { Effect, Schedule } from "effect"
import { type Model, Store } from "../../projections/Store.ts"
import { makeCooldownSweep } from "./cooldownSweep.ts"
import { makeDeadlineSweep } from "./deadlineSweep.ts"
import { makePresenceSweep } from "./presenceSweep.ts"

/** No tables: only the one lock among all processes that comes with a model. */
const sweeping: Model = { name: "sweepers", tables: [], version: "1" }

const BEFORE_NEXT_TERM = "500 millis"

const everySecond = <E, R>(name: string, sweep: Effect.Effect<void, E, R>) =>
  sweep.pipe(
    Effect.catch((error) => Effect.logDebug(`the ${name} sweep is tried again`, error)),
    Effect.repeat(Schedule.spaced("1 second")),
  )

/**
 * Sweeps once a second, on one node at a time; the others wait to take over. A sweep that fails is
 * tried again, an outage of PostgreSQL ends the term. Never ends by itself.
 */
export const sweepers = Effect.gen(function* () {
  const store = yield* Store

  const sweep = Effect.gen(function* () {
    const presence = everySecond("presence", (yield* makePresenceSweep).sweep)
    const deadlines = everySecond("deadline", (yield* makeDeadlineSweep).sweep)
    const cooldowns = everySecond("cooldown", (yield* makeCooldownSweep).sweep)
    return yield* Effect.all([presence, deadlines, cooldowns], { concurrency: "unbounded", discard: true })
  })

  const term = Effect.gen(function* () {
    const { ended } = yield* store.lead(sweeping)
    return yield* Effect.raceFirst(sweep, ended)
  }).pipe(
    Effect.scoped,
    Effect.catchTag("TermEnded", ({ reason }) => Effect.logWarning(`no longer sweeping: ${reason}`)),
  )

  return yield* term.pipe(Effect.andThen(Effect.sleep(BEFORE_NEXT_TERM)), Effect.forever)
})
