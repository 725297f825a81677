import { Effect } from "effect"
import { knowing } from "../../domain/Aggregate.ts"
import type { Digest } from "../../domain/Digest.ts"
import { Plan, PlanCommand } from "../../domain/Plan.ts"
import { Task, TaskCommand } from "../../domain/Task.ts"
import type { Dispatcher } from "../dispatch.ts"
import { Contended, type Envelope, partOf } from "../Envelope.ts"
import { factsOf, nothingSeen } from "../informed.ts"
import type { TaskChecks } from "../taskChecks.ts"
import type { Planner } from "./planner.ts"

const { PlanDependencies } = PlanCommand.cases
const { SetDependencies } = TaskCommand.cases
const [AGAIN, LOOK_AGAIN] = [5, 2]
const AT_ONCE = 16
const together = { concurrency: AT_ONCE, discard: true } as const

/** Takes tasks out of what one other waits for. */
const dropping = (dispatcher: Dispatcher["Service"], digest: Digest["Service"]) => {
  /** Decided on the version that was looked at: others may change the same meanwhile. */
  const asOf = (envelope: Envelope, seq: number): Envelope => ({
    ...partOf(envelope),
    commandId: `:${digest.uuid()}`,
    ifMatch: seq,
  })

  /** By the own list of the one that waits. */
  const drop = (id: string, gone: ReadonlyArray<string>, envelope: Envelope) =>
    Effect.gen(function* () {
      const { seq, state } = yield* dispatcher.load(Task, id)
      if (state._tag !== "Open" || !state.depends_on.some((other) => gone.includes(other))) return
      const depends_on = state.depends_on.filter((other) => !gone.includes(other))
      yield* dispatcher.dispatch(
        knowing(Task, factsOf(nothingSeen)),
        id,
        SetDependencies.make({ depends_on }),
        asOf(envelope, seq),
      )
    }).pipe(
      Effect.retry({ times: AGAIN, while: ({ _tag }) => _tag === "VersionMismatch" }),
      Effect.catchTag("VersionMismatch", () => Effect.fail(new Contended({ subject: `task.${id}` }))),
    )

  /** By the plan of the project. */
  const dropPlanned = (
    project_id: string,
    task_id: string,
    gone: ReadonlyArray<string>,
    envelope: Envelope,
  ) =>
    Effect.gen(function* () {
      const { seq, state } = yield* dispatcher.load(Plan, project_id)
      const depends_on = (state.edges[task_id] ?? []).filter((other) => !gone.includes(other))
      const command = PlanDependencies.make({ task_id, depends_on })
      yield* dispatcher.dispatch(Plan, project_id, command, asOf(envelope, seq))
    }).pipe(Effect.retry({ times: AGAIN, while: ({ _tag }) => _tag === "VersionMismatch" }))

  return { drop, dropPlanned }
}

/** Takes deleted tasks out of the lists of those that waited for them, and out of the plan. */
export const leaver = (
  dispatcher: Dispatcher["Service"],
  digest: Digest["Service"],
  { load }: Pick<TaskChecks, "load">,
  { follow, forget }: Planner,
) => {
  const { drop, dropPlanned } = dropping(dispatcher, digest)

  /** A deleted task leaves the lists of those that waited for it, and then the plan: a repeat finds what is left over. */
  const leave = Effect.fnUntraced(function* (project_id: string, gone: string, envelope: Envelope) {
    const { state } = yield* dispatcher.load(Plan, project_id)
    const waiting = Object.keys(state.edges).filter((id) => state.edges[id]?.includes(gone))
    yield* Effect.forEach(waiting, (id) => drop(id, [gone], envelope), together)
    yield* forget(project_id, gone, envelope)
    // The plan may be ahead of a task whose program died; now that the task's list has changed, nobody else tells it.
    yield* Effect.forEach(waiting, (id) => follow(project_id, id, envelope), together)
  })

  /**
   * Takes out a dependency that was deleted between the look at it and the task's record: its own leaving may have come
   * too early to find this task.
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
      yield* dropPlanned(project_id, id, gone, envelope)
      yield* follow(project_id, id, envelope)
    }).pipe(Effect.retry({ times: LOOK_AGAIN }), Effect.ignore)

  return { dropGone, leave }
}
export type Leaver = ReturnType<typeof leaver>
