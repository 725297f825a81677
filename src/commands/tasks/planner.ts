import { Effect } from "effect"
import { knowing } from "../../domain/Aggregate.ts"
import type { Digest } from "../../domain/Digest.ts"
import { Plan } from "../../domain/Plan.ts"
import { Task, TaskCommand, type TaskState } from "../../domain/Task.ts"
import type { Dispatcher } from "../dispatch.ts"
import { type Envelope, partOf } from "../Envelope.ts"
import { factsOf, nothingSeen } from "../informed.ts"
import type { TaskChecks } from "../taskChecks.ts"

const { SetDependencies } = TaskCommand.cases
const SETTLE_AGAIN = 2
const DROP_AGAIN = 5
const AT_ONCE = 16

/** A task's part in its project's plan, which refuses circles. */
export const planner = (
  dispatcher: Dispatcher["Service"],
  digest: Digest["Service"],
  { load }: Pick<TaskChecks, "load">,
) => {
  const plan = (project_id: string, task_id: string, depends_on: ReadonlyArray<string>, envelope: Envelope) =>
    dispatcher.dispatch(Plan, project_id, { _tag: "PlanDependencies", task_id, depends_on }, partOf(envelope))

  const forget = (project_id: string, task_id: string, envelope: Envelope) =>
    dispatcher.dispatch(Plan, project_id, { _tag: "ForgetTask", task_id }, partOf(envelope))

  /** The plan as the task has it: for when the task was refused, had been answered long ago, or was told another's. */
  const settle = (project_id: string, id: string, envelope: Envelope) =>
    load(id).pipe(
      Effect.flatMap((task) =>
        plan(project_id, id, task._tag === "Open" ? task.depends_on : [], {
          ...envelope,
          commandId: `:${digest.uuid()}`,
        }),
      ),
      Effect.retry({ times: SETTLE_AGAIN }),
      Effect.ignore,
    )

  /** Whether the plan says of a task what the task says. Of two changes at once, one may be told later than it was planned. */
  const isPlanned = (project_id: string, task: TaskState) =>
    Effect.map(dispatcher.load(Plan, project_id), ({ state: { edges } }) => {
      if (task._tag !== "Open") return true
      return (edges[task.id] ?? []).join() === task.depends_on.join()
    }).pipe(Effect.catch(() => Effect.succeed(false)))

  /** Dependencies that were deleted leave a task's list. Decided on the list as it is then: others may change it, too. */
  const drop = (id: string, gone: ReadonlyArray<string>, envelope: Envelope) =>
    Effect.gen(function* () {
      const { seq, state } = yield* dispatcher.load(Task, id)
      if (state._tag !== "Open" || !state.depends_on.some((one) => gone.includes(one))) return
      const command = SetDependencies.make({
        depends_on: state.depends_on.filter((one) => !gone.includes(one)),
      })
      const own = { ...partOf(envelope), commandId: `:${digest.uuid()}`, ifMatch: seq }
      yield* dispatcher.dispatch(knowing(Task, factsOf(nothingSeen)), id, command, own)
    }).pipe(Effect.retry({ times: DROP_AGAIN, while: ({ _tag }) => _tag === "VersionMismatch" }))

  /** A deleted task leaves the lists of those that waited for it, and last the plan: a repeat finds what is left over. */
  const leave = Effect.fnUntraced(function* (project_id: string, gone: string, envelope: Envelope) {
    const { state } = yield* dispatcher.load(Plan, project_id)
    const waiting = Object.keys(state.edges).filter((id) => state.edges[id]?.includes(gone))
    yield* Effect.forEach(waiting, (id) => drop(id, [gone], envelope), {
      concurrency: AT_ONCE,
      discard: true,
    })
    yield* forget(project_id, gone, envelope)
  })

  /**
   * A dependency that was deleted between the look at it and the task's record: its own leaving may have come too
   * early to find this task.
   */
  const dropGone = (
    project_id: string,
    id: string,
    depends_on: ReadonlyArray<string>,
    envelope: Envelope,
  ): Effect.Effect<void> =>
    Effect.gen(function* () {
      const states = yield* Effect.forEach(depends_on, load, { concurrency: AT_ONCE })
      const gone = depends_on.filter((_, index) => states[index]?._tag === "Deleted")
      if (gone.length === 0) return
      yield* drop(id, gone, envelope)
      yield* settle(project_id, id, envelope)
    }).pipe(Effect.retry({ times: SETTLE_AGAIN }), Effect.ignore)

  return { dropGone, isPlanned, leave, plan, settle }
}
export type Planner = ReturnType<typeof planner>
