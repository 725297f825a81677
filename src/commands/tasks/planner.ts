import { Effect } from "effect"
import { knowing } from "../../domain/Aggregate.ts"
import type { Digest } from "../../domain/Digest.ts"
import { normalised, Plan } from "../../domain/Plan.ts"
import { Task } from "../../domain/Task.ts"
import type { Dispatcher } from "../dispatch.ts"
import { type Envelope, partOf } from "../Envelope.ts"
import { factsOf, nothingSeen } from "../informed.ts"
import type { TaskChecks } from "../taskChecks.ts"

const AGAIN = 2
const FOLLOWED = 4

const isSame = (one: ReadonlyArray<string>, other: ReadonlyArray<string>) => one.join() === other.join()

/** Tried some times; the deadline for dependencies is there where it is in vain. */
const settling = <Failure, Services>(
  effect: Effect.Effect<void, Failure, Services>,
): Effect.Effect<void, never, Services> => effect.pipe(Effect.retry({ times: AGAIN }), Effect.ignore)

/** A task's part in its project's plan, which refuses circles. Where the two say different things, the plan is right. */
export const planner = (
  dispatcher: Dispatcher["Service"],
  digest: Digest["Service"],
  { load }: Pick<TaskChecks, "load">,
) => {
  /**
   * Under a key of its own: the task remembers the request and its answer. A plan that did so, too, would know
   * requests that were refused in the end, and plans that were taken back.
   */
  const apart = (envelope: Envelope): Envelope => ({ ...partOf(envelope), commandId: `:${digest.uuid()}` })

  const plan = (project_id: string, task_id: string, depends_on: ReadonlyArray<string>, envelope: Envelope) =>
    dispatcher.dispatch(Plan, project_id, { _tag: "PlanDependencies", task_id, depends_on }, apart(envelope))

  const forget = (project_id: string, task_id: string, envelope: Envelope) =>
    dispatcher.dispatch(Plan, project_id, { _tag: "ForgetTask", task_id }, apart(envelope))

  const planOf = (project_id: string, id: string) =>
    Effect.map(dispatcher.load(Plan, project_id), ({ state: { edges } }) => edges[id] ?? [])

  /** Takes back a plan that its task was not told, unless something else has been planned since. */
  const takeBack = Effect.fnUntraced(function* (
    project_id: string,
    id: string,
    depends_on: ReadonlyArray<string>,
    envelope: Envelope,
  ) {
    const planned = yield* planOf(project_id, id)
    if (!isSame(planned, normalised(depends_on))) return
    const task = yield* load(id)
    yield* plan(project_id, id, task._tag === "Open" ? task.depends_on : [], envelope)
  }, settling)

  /** Tells the task until it says what the plan says: of two changes at once, one may be told later than it was planned. */
  const follow = Effect.fnUntraced(function* (project_id: string, id: string, envelope: Envelope) {
    for (let told = 0; told < FOLLOWED; told += 1) {
      const depends_on = yield* planOf(project_id, id)
      const task = yield* load(id)
      if (task._tag !== "Open" || isSame(task.depends_on, depends_on)) return
      const command = { _tag: "SetDependencies", depends_on } as const
      yield* dispatcher.dispatch(knowing(Task, factsOf(nothingSeen)), id, command, apart(envelope))
    }
  }, settling)

  return { follow, forget, plan, takeBack }
}
export type Planner = ReturnType<typeof planner>
