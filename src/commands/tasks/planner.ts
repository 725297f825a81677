import { Effect } from "effect"
import type { Digest } from "../../domain/Digest.ts"
import { Plan } from "../../domain/Plan.ts"
import type { TaskState } from "../../domain/Task.ts"
import type { Dispatcher } from "../dispatch.ts"
import { type Envelope, partOf } from "../Envelope.ts"
import type { TaskChecks } from "../taskChecks.ts"

const SETTLE_AGAIN = 2

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

  /**
   * True if the plan says of a task what the task says. Of two changes at once, one may be told later than it
   * was planned.
   */
  const isPlanned = (project_id: string, task: TaskState) =>
    Effect.map(dispatcher.load(Plan, project_id), ({ state: { edges } }) => {
      if (task._tag !== "Open") return true
      return (edges[task.id] ?? []).join() === task.depends_on.join()
    }).pipe(Effect.catch(() => Effect.succeed(false)))

  return { forget, isPlanned, plan, settle }
}
export type Planner = ReturnType<typeof planner>
