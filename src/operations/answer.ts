import { Effect } from "effect"
import { Settings } from "../config.ts"
import { Projected } from "../projections/Projected.ts"
import { actorOf, type Asked } from "./Asked.ts"
import { ValuesRefused } from "../projections/ReadModel.ts"
import { BadParameter, ReadModelBehind } from "./EdgeRefusal.ts"
import type { Answer } from "./Operation.ts"
import type { AnyQuestion, AnyWatch } from "./operations.ts"
import type { Failure } from "./refusals.ts"

type Input = Readonly<Record<string, unknown>>

/**
 * Asks the tables, once they have reached the position that the asker wants to see. Rows that were seen here once do
 * not vanish again: a PostgreSQL that crashed and lost its last transactions is asked later.
 */
const fromTables = Effect.fnUntraced(function* <Requirements>(
  row: AnyQuestion<Requirements>,
  input: Input,
  asked: Asked,
) {
  const { readWait } = yield* Settings
  const projected = yield* Projected
  const minSeq = Math.max(asked.minSeq ?? 0, row.atLeast?.(input) ?? 0)
  if ((yield* projected.current) < minSeq) yield* projected.reached(minSeq, readWait)
  const wanted = Math.max(minSeq, yield* projected.current)
  const answer = yield* row.ask(input, asked)
  const { seq = 0 } = answer
  return seq >= wanted ? answer : yield* new ReadModelBehind({ wanted, reached: seq })
})

/** Values that PostgreSQL refuses are the asker's, and no outage: asked again they are refused again. */
const unfit = new BadParameter({
  errors: [{ field: "query", message: "has a value that the tables can't hold" }],
})

/** Answers a question for any door. */
export const answer = <Requirements>(
  row: AnyQuestion<Requirements>,
  input: Input,
  asked: Asked,
): Effect.Effect<Answer, Failure, Requirements | Projected | Settings> => {
  const refusal = row.may.refusal(input, actorOf(asked.member))
  if (refusal !== undefined) return Effect.fail(refusal)
  const asking = row.from === "tables" ? fromTables(row, input, asked) : row.ask(input, asked)
  return Effect.catchDefect(asking, (defect) =>
    defect instanceof ValuesRefused
      ? Effect.andThen(Effect.logInfo(`${row.name} was asked for what can't be: ${defect.reason}`), unfit)
      : Effect.die(defect),
  )
}

/** Opens a stream of events for who may read it. */
export const opened = Effect.fnUntraced(function* <Requirements>(
  row: AnyWatch<Requirements>,
  input: Input,
  asked: Asked,
) {
  const refusal = row.may.refusal(input, actorOf(asked.member))
  if (refusal !== undefined) return yield* refusal
  return yield* row.open(input, asked)
})
