import { Effect, Result } from "effect"
import { isCurrent } from "../../domain/History.ts"
import { type OpenTask, Task, type TaskCommand } from "../../domain/Task.ts"
import type { Dispatcher } from "../dispatch.ts"
import type { Envelope } from "../Envelope.ts"
import { informed, nothingSeen } from "../informed.ts"
import type { TaskChecks } from "../taskChecks.ts"
import type { Planner } from "./planner.ts"
import type { TaskGiver } from "./taskGiver.ts"
import type { TaskOutcome } from "./TaskOutcome.ts"
import { claimOf, type TaskChanges, type TaskRef } from "./TaskWish.ts"

/** Changes tasks. Dependencies go past the project's plan first, which refuses circles, then to the task. */
export const taskChanger = (
  dispatcher: Dispatcher["Service"],
  { absent, objection }: TaskChecks,
  { refuse, run }: TaskGiver,
  { isPlanned, plan, settle }: Planner,
) => {
  const replan = Effect.fnUntraced(function* (
    task: OpenTask,
    commands: ReadonlyArray<TaskCommand>,
    depends_on: ReadonlyArray<string>,
    envelope: Envelope,
    done: TaskOutcome,
  ) {
    const { id, project_id } = task
    // What would be refused in the end plans nothing.
    if (isRefused(commands, task)) return yield* done
    yield* plan(project_id, id, depends_on, envelope)
    // While it is open whether the task was told, the plan keeps it; the deadline for dependencies tells the task.
    const outcome = yield* done.pipe(
      Effect.tapError((error) => (isOpen(error) ? Effect.void : settle(project_id, id, envelope))),
    )
    const isAsTold = !outcome.repeated && (yield* isPlanned(project_id, outcome.state))
    if (!isAsTold) yield* settle(project_id, id, envelope)
    return outcome
  })

  return Effect.fnUntraced(function* (ref: TaskRef, wanted: TaskChanges, envelope: Envelope) {
    const { depends_on, ...changes } = wanted
    const wrong = yield* absent(changes)
    if (wrong !== undefined) return yield* refuse(ref.id, wrong, envelope)
    const commands = commandsFor(ref, wanted, envelope)
    const done = run(ref, commands, envelope, changes.assignee_slug)
    if (depends_on === undefined && (changes.parent_id ?? null) === null) return yield* done

    const loaded = yield* dispatcher.load(Task, ref.id)
    const { state } = loaded
    if (state._tag !== "Open") return yield* done
    const objected = yield* objection(ref.id, state.project_id, wanted)
    if (objected !== undefined) return yield* refuse(ref.id, objected, envelope)
    const isSeen = envelope.ifMatch === undefined || isCurrent(envelope.ifMatch, loaded)
    return depends_on === undefined || !isSeen
      ? yield* done
      : yield* replan(state, commands, depends_on, envelope, done)
  })
}

const isOpen = (error: Effect.Error<TaskOutcome>) => error._tag === "LogUnavailable" && error.unknown

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
