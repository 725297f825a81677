import { Result, Schema } from "effect"
import { type Aggregate, fold } from "../domain/Aggregate.ts"
import { Uuid } from "../domain/Ids.ts"
import {
  type OpenDependency,
  Task,
  type TaskCommand,
  type TaskEvent,
  type TaskState,
} from "../domain/Task.ts"
import type { TaskRefusal } from "../domain/TaskRefusal.ts"
import type { TooManyClaims } from "./Claims.ts"

/** What a decision about one task has to know of the others. */
export interface Facts {
  /** Tasks that were looked at: how they stand, or undefined for those nobody needs to wait for. */
  readonly seen: ReadonlyMap<string, typeof OpenDependency.Type | undefined>
  /** Set when who would get the task holds enough already. */
  readonly full: TooManyClaims | undefined
}

/** The decision depends on tasks that were not looked at yet. Never leaves the command service. */
export class Unseen extends Schema.TaggedError<Unseen>()("Unseen", { ids: Schema.Array(Uuid) }) {}

type Refusal = TaskRefusal | TooManyClaims | Unseen
type Decision = Result.Result<ReadonlyArray<TaskEvent>, Refusal>

const nowhere = { seq: 0, at: "" }

/** Each command decided on the outcome of those before it; all of them or none. */
const inTurn = (commands: ReadonlyArray<TaskCommand>, state: TaskState) => {
  let after = state
  const events: Array<TaskEvent> = []
  for (const command of commands) {
    const decision = Task.decide(command, after)
    if (Result.isFailure(decision)) return Result.fail(decision.failure)
    events.push(...decision.success)
    after = fold(Task, decision.success, nowhere, after)
  }
  return Result.succeed({ events, after })
}

const checked = (events: ReadonlyArray<TaskEvent>, after: TaskState, { full, seen }: Facts): Decision => {
  const isGiven = events.some(({ _tag }) => _tag === "TaskTaken" || _tag === "TaskAssigned")
  if (!isGiven) return Result.succeed(events)
  if (full !== undefined) return Result.fail(full)
  const ids = after._tag === "Open" ? after.depends_on.filter((id) => !seen.has(id)) : []
  return ids.length > 0 ? Result.fail(new Unseen({ ids })) : Result.succeed(events)
}

/**
 * The task aggregate for several commands that are one record, with what is known of the world.
 * Most tasks wait for nothing, so nobody looks at other tasks until a decision turns on them.
 */
export const informed = (
  facts: Facts,
): Aggregate<TaskState, ReadonlyArray<TaskCommand>, TaskEvent, Refusal> => {
  const open_dependencies = [...facts.seen.values()].filter((task) => task !== undefined)
  return {
    ...Task,
    decide: (commands, state) => {
      const told = commands.map((command) =>
        "open_dependencies" in command ? { ...command, open_dependencies } : command,
      )
      const decision = inTurn(told, state)
      return Result.isFailure(decision)
        ? Result.fail(decision.failure)
        : checked(decision.success.events, decision.success.after, facts)
    },
  }
}
