import { Effect, Schedule } from "effect"
import { ReadModel } from "../../projections/ReadModel.ts"
import { makeDependencies } from "./dependencies.ts"
import { LaneFigures } from "./LaneFigures.ts"
import { makeMoves } from "./moves.ts"
import { runLane } from "./runLane.ts"

const TALLY_AGAIN = "5 seconds"

/** Counts what is owed, for the metrics of the node that leads. */
export const tally = Effect.gen(function* () {
  const readModel = yield* ReadModel
  const { note } = yield* LaneFigures
  const count = Effect.flatMap(readModel.owing, ({ value }) => note(value))
  return yield* count.pipe(
    Effect.catch((error) => Effect.logDebug("what is owed is counted again", error)),
    Effect.repeat(Schedule.spaced(TALLY_AGAIN)),
    Effect.ensuring(note(undefined)),
  )
})

/** All lanes of the program; a new reaction is a line here. Never ends by itself. */
export const reactions = Effect.gen(function* () {
  const lanes = [runLane(yield* makeDependencies), runLane(yield* makeMoves)]
  return yield* Effect.all([...lanes, tally], { concurrency: "unbounded", discard: true })
})
