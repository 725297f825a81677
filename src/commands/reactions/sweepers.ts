import { Effect, Schedule } from "effect"
import { makeCooldownSweep } from "./cooldownSweep.ts"
import { makePresenceSweep } from "./presenceSweep.ts"
import { reactions } from "./reactions.ts"
import { whileLeading } from "./whileLeading.ts"

const everySecond = <Failure, Requirements>(
  name: string,
  sweep: Effect.Effect<void, Failure, Requirements>,
) =>
  sweep.pipe(
    Effect.catch((error) => Effect.logDebug(`the ${name} sweep is tried again`, error)),
    Effect.repeat(Schedule.spaced("1 second")),
  )

/**
 * The lanes of all reactions, and beside them the sweeps of what no row is owed for: silence, and the ends of
 * cooldowns, which the fleet has in memory. On one node at a time. Never ends by itself.
 */
export const sweepers = whileLeading(
  Effect.gen(function* () {
    const presence = everySecond("presence", (yield* makePresenceSweep).sweep)
    const cooldowns = everySecond("cooldown", (yield* makeCooldownSweep).sweep)
    return yield* Effect.all([presence, cooldowns, reactions], { concurrency: "unbounded", discard: true })
  }),
)
