import { Result, Schema } from "effect"
import { type Aggregate, fold } from "../domain/Aggregate.ts"
import { Uuid } from "../domain/Ids.ts"
import {
  type OpenDependency,
  Task,
  type TaskCommand,
  type TaskEvent,
  type TaskFacts,
  type TaskState,
} from "../domain/Task.ts"
import type { TaskRefusal } from "../domain/TaskRefusal.ts"
import type { TooManyClaims } from "./Claims.ts"

/** The world around one task, as far as it was looked at. */
export interface Seen {
  /** Tasks that were looked at: how they stand, or undefined for those nobody needs to wait for. */
  readonly tasks: ReadonlyMap<string, typeof OpenDependency.Type | undefined>
  /** Set when the member that would get the task holds enough already. */
  readonly full: TooManyClaims | undefined
}

export const nothingSeen: Seen = { tasks: new Map(), full: undefined }

/** The facts that follow from it for the task. */
export const factsOf = ({ tasks }: Seen): TaskFacts => ({
  open_dependencies: [...tasks.values()].filter((task) => task !== undefined),
})

/** The decision depends on tasks that were not looked at yet. Never leaves the command service. */
class Unseen extends Schema.TaggedError<Unseen>()("Unseen", { ids: Schema.Array(Uuid) }) {}

type Refusal = TaskRefusal | TooManyClaims | Unseen
type Decision = Result.Result<ReadonlyArray<TaskEvent>, Refusal>

const nowhere = { seq: 0, at: "" }

/** Each command decided on the outcome of those before it; all of them or none. */
const inTurn = (commands: ReadonlyArray<TaskCommand>, state: TaskState, facts: TaskFacts) => {
  let after = state
  const events: Array<TaskEvent> = []
  for (const command of commands) {
    const decision = Task.decide(command, after, facts)
    if (Result.isFailure(decision)) return Result.fail(decision.failure)
    events.push(...decision.success)
    after = fold(Task, decision.success, nowhere, after)
  }
  return Result.succeed({ events, after })
}

const checked = (events: ReadonlyArray<TaskEvent>, after: TaskState, { full, tasks }: Seen): Decision => {
  const isGiven = events.some(({ _tag }) => _tag === "TaskTaken" || _tag === "TaskAssigned")
  if (!isGiven) return Result.succeed(events)
  if (full !== undefined) return Result.fail(full)
  const ids = after._tag === "Open" ? after.depends_on.filter((id) => !tasks.has(id)) : []
  return ids.length > 0 ? Result.fail(new Unseen({ ids })) : Result.succeed(events)
}

/**
 * The task aggregate for several commands that are one record, with what was seen of the world.
 * Most tasks wait for nothing, so nobody looks at other tasks until a decision turns on them.
 */
export const informed = (
  seen: Seen,
): Aggregate<TaskState, ReadonlyArray<TaskCommand>, TaskEvent, Refusal> => {
  const facts = factsOf(seen)
  return {
    ...Task,
    decide: (commands, state) => {
      const decision = inTurn(commands, state, facts)
      return Result.isFailure(decision)
        ? Result.fail(decision.failure)
        : checked(decision.success.events, decision.success.after, seen)
    },
  }
}
