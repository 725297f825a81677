import { DateTime, Effect } from "effect"
import type { PlanRefusal } from "../../domain/Plan.ts"
import type { TaskRefusal } from "../../domain/TaskRefusal.ts"
import { DEPENDENCIES } from "../../projections/Deadlines.ts"
import { type Deadline, ReadModel } from "../../projections/ReadModel.ts"
import type { DispatchFailure } from "../dispatch.ts"
import { makeDependenciesDue } from "./dependenciesDue.ts"

/**
 * What is done when a deadline of one kind is due. The deadline is only a hint: the decider knows
 * whether there is something to do, so that being called twice changes nothing. What fails is
 * tried again at the next sweep.
 */
type DeadlineHandler = (
  deadline: Deadline,
) => Effect.Effect<void, TaskRefusal | PlanRefusal | DispatchFailure>

const AT_ONCE = 200

/** A sweep that turns due deadlines into commands, each kind by its handler (architecture.md section 9). */
export const makeDeadlineSweep = Effect.gen(function* () {
  const readModel = yield* ReadModel
  const handlers: ReadonlyMap<string, DeadlineHandler> = new Map([[DEPENDENCIES, yield* makeDependenciesDue]])
  /** Deadlines that were met without a record, and so stay in the read model. They must not hold up the others. */
  const settled = new Set<string>()

  const meet = (deadline: Deadline) => {
    const { id, kind } = deadline
    const handler = handlers.get(kind)
    const met = handler?.(deadline) ?? Effect.logWarning(`nobody knows what to do at a deadline for ${kind}`)
    return met.pipe(
      Effect.andThen(Effect.sync(() => settled.add(keyOf(deadline)))),
      Effect.catch((error) => Effect.logWarning(`the deadline for ${kind} of ${id} is not met yet`, error)),
    )
  }

  const sweep = Effect.gen(function* () {
    const now = DateTime.formatIso(yield* DateTime.now)
    const { value: due } = yield* readModel.due(now, AT_ONCE + settled.size)
    const keys = new Set(due.map(keyOf))
    for (const key of settled) if (!keys.has(key)) settled.delete(key)
    for (const deadline of due) if (!settled.has(keyOf(deadline))) yield* meet(deadline)
  })

  return { sweep: Effect.withSpan(sweep, "deadlineSweep") }
})

const keyOf = ({ due, id, kind }: Deadline) => `${kind} ${id} ${due}`
