import { Effect } from "effect"
import type { Digest } from "../../domain/Digest.ts"
import { Plan } from "../../domain/Plan.ts"
import type { TaskState } from "../../domain/Task.ts"
import type { Dispatcher } from "../dispatch.ts"
import { type Envelope, partOf } from "../Envelope.ts"
import type { TaskChecks } from "../taskChecks.ts"

const [SETTLE_AGAIN, SETTLE_TRIES] = [2, 5]

const waitsFor = (task: TaskState): ReadonlyArray<string> => (task._tag === "Open" ? task.depends_on : [])

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

  /** Whether the plan says of a task what the task says. Of two changes at once, one may be told later than it was planned. */
  const isPlanned = (project_id: string, task: TaskState) =>
    Effect.map(dispatcher.load(Plan, project_id), ({ state: { edges } }) => {
      if (task._tag !== "Open") return true
      return (edges[task.id] ?? []).join() === task.depends_on.join()
    }).pipe(Effect.catch(() => Effect.succeed(false)))

  /**
   * The plan as the task has it. Looks again behind the plan's record: a task that changed meanwhile may have found
   * the plan as it wanted it.
   */
  const follow = (project_id: string, id: string, envelope: Envelope) =>
    Effect.gen(function* () {
      for (let tries = 0; tries < SETTLE_TRIES; tries += 1) {
        const own = { ...envelope, commandId: `:${digest.uuid()}` }
        yield* plan(project_id, id, waitsFor(yield* load(id)), own)
        if (yield* isPlanned(project_id, yield* load(id))) return
      }
    })

  /** The same for when the task was refused, had been answered long ago, or was told another's. Never fails. */
  const settle = (project_id: string, id: string, envelope: Envelope) =>
    follow(project_id, id, envelope).pipe(Effect.retry({ times: SETTLE_AGAIN }), Effect.ignore)

  return { follow, forget, isPlanned, plan, settle }
}
export type Planner = ReturnType<typeof planner>
