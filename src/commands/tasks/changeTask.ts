import { Effect, Result } from "effect"
import { isCurrent } from "../../domain/History.ts"
import { isChosen } from "../../domain/Ids.ts"
import { type OpenTask, Task, type TaskCommand } from "../../domain/Task.ts"
import { TaskNotFound } from "../../domain/TaskRefusal.ts"
import type { Dispatcher } from "../dispatch.ts"
import type { Envelope } from "../Envelope.ts"
import { informed, nothingSeen } from "../informed.ts"
import type { TaskChecks } from "../taskChecks.ts"
import type { Leaver } from "./leaver.ts"
import type { Mover } from "./mover.ts"
import type { Planner } from "./planner.ts"
import type { TaskGiver } from "./taskGiver.ts"
import type { TaskOutcome } from "./TaskOutcome.ts"
import { claimOf, type TaskChanges, type TaskRef } from "./TaskWish.ts"

/** Changes tasks. Dependencies go past the project's plan first, which refuses circles, parents past its tree, then to the task. What would be refused in the end begins nothing. */
export const taskChanger = (
  dispatcher: Dispatcher["Service"],
  { absent, objection }: TaskChecks,
  { refuse, run }: TaskGiver,
  { follow, plan, takeBack }: Planner,
  { dropGone }: Leaver,
  { begin, end }: Mover,
) => {
  const replan = Effect.fnUntraced(function* (
    task: OpenTask,
    depends_on: ReadonlyArray<string>,
    envelope: Envelope,
    done: TaskOutcome,
  ) {
    const { id, project_id } = task
    // A repeat gets its first answer: what was planned since stays.
    const first = yield* firstAnswer(refuse, id, envelope)
    if (first !== undefined) {
      yield* follow(project_id, id, envelope)
      return first
    }
    const { recorded } = yield* plan(project_id, id, depends_on, envelope)
    const undo = takeBack(project_id, id, depends_on, envelope)
    // While it is open whether the task was told, the plan keeps it; the deadline for dependencies tells the task.
    const outcome = yield* Effect.tapError(done, (error) => (isOpen(error) ? Effect.void : undo))
    // Answered long ago, and planned only now.
    if (outcome.repeated && recorded) yield* undo
    yield* dropGone(project_id, id, depends_on, envelope)
    yield* follow(project_id, id, envelope)
    return outcome
  })

  /** The parent is looked at again when the move is begun: then nobody else may begin one that closes a circle. */
  const move = Effect.fnUntraced(function* (
    { id, project_id }: OpenTask,
    parent_id: string,
    envelope: Envelope,
    done: TaskOutcome,
  ) {
    const begun = yield* begin(project_id, id, parent_id, envelope)
    if (typeof begun !== "string") return yield* refuse(id, begun, envelope)
    const over = end(project_id, begun, envelope)
    // A record that may still come keeps its move until nobody waits for it any more.
    return yield* done.pipe(
      Effect.tapError((error) => (isOpen(error) ? Effect.void : over)),
      Effect.tap(() => over),
    )
  })

  return Effect.fnUntraced(function* (ref: TaskRef, wanted: TaskChanges, envelope: Envelope) {
    const { depends_on, ...changes } = wanted
    const commands = commandsFor(ref, wanted, envelope)
    const done = run(ref, commands, envelope, changes.assignee_slug)
    const isMissing = (yield* absent(changes)) !== undefined
    if (!isMissing && depends_on === undefined && (changes.parent_id ?? null) === null) return yield* done

    const loaded = yield* dispatcher.load(Task, ref.id)
    const { state } = loaded
    if (state._tag !== "Open") return yield* done
    const other = differentFrom(state, wanted)
    const wrong = (yield* absent(other)) ?? (yield* objection(ref.id, state.project_id, other))
    if (wrong !== undefined) return yield* refuse(ref.id, wrong, envelope)
    const isSeen = envelope.ifMatch === undefined || isCurrent(envelope.ifMatch, loaded)
    if (!isSeen || isRefused(commands, state)) return yield* done
    const moved = other.parent_id === null ? done : move(state, other.parent_id, envelope, done)
    // Planned also where the task says the same: a repeat mends a plan that a crash left behind.
    return depends_on === undefined ? yield* moved : yield* replan(state, depends_on, envelope, moved)
  })
}

/** The answer that a task's command got under the same key before, if any. */
const firstAnswer = (refuse: TaskGiver["refuse"], id: string, envelope: Envelope) =>
  isChosen(envelope.commandId)
    ? Effect.catchTag(refuse(id, new TaskNotFound(), envelope), "TaskNotFound", () => Effect.undefined)
    : Effect.undefined

const isOpen = (error: Effect.Error<TaskOutcome>) => error._tag === "LogUnavailable" && error.unknown

/** The names that a change brings: those that a task has already are not asked for, whatever became of them since. */
const differentFrom = (task: OpenTask, wanted: TaskChanges) => {
  const { assignee_slug = null, depends_on, parent_id = null, reviewer_slug = null } = wanted
  return {
    assignee_slug: assignee_slug === task.assignee_slug ? null : assignee_slug,
    reviewer_slug: reviewer_slug === task.reviewer_slug ? null : reviewer_slug,
    parent_id: parent_id === task.parent_id || parent_id === task.id ? null : parent_id,
    depends_on: (depends_on ?? []).filter((id) => !task.depends_on.includes(id)),
  }
}

const commandsFor = (
  ref: TaskRef,
  { depends_on, ...changes }: TaskChanges,
  { actor }: Envelope,
): ReadonlyArray<TaskCommand> => [
  ...(depends_on === undefined ? [] : [{ _tag: "SetDependencies", ...claimOf(ref), depends_on } as const]),
  { _tag: "ChangeTask", actor, ...claimOf(ref), changes },
]

/** A refusal of what is known already; what turns on other tasks is still open. */
const isRefused = (commands: ReadonlyArray<TaskCommand>, task: OpenTask): boolean => {
  const decision = informed(nothingSeen).decide(commands, task)
  return Result.isFailure(decision) && decision.failure._tag !== "Unseen"
}
