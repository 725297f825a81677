import { Effect } from "effect"
import { knowing } from "../../domain/Aggregate.ts"
import type { Digest } from "../../domain/Digest.ts"
import { Plan } from "../../domain/Plan.ts"
import { Task, TaskCommand } from "../../domain/Task.ts"
import type { Dispatcher } from "../dispatch.ts"
import { Contended, type Envelope, partOf } from "../Envelope.ts"
import { factsOf, nothingSeen } from "../informed.ts"
import type { TaskChecks } from "../taskChecks.ts"
import type { Planner } from "./planner.ts"

const { SetDependencies } = TaskCommand.cases
const [DROP_AGAIN, LOOK_AGAIN] = [5, 2]
const AT_ONCE = 16

/** Takes deleted tasks out of the lists of those that waited for them. */
export const leaver = (
  dispatcher: Dispatcher["Service"],
  digest: Digest["Service"],
  { load }: Pick<TaskChecks, "load">,
  { follow, forget, settle }: Planner,
) => {
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
    }).pipe(
      Effect.retry({ times: DROP_AGAIN, while: ({ _tag }) => _tag === "VersionMismatch" }),
      Effect.catchTag("VersionMismatch", () => Effect.fail(new Contended({ subject: `task.${id}` }))),
    )

  /**
   * The plan may be ahead of a task whose program died; now that the task's list changes, nobody would tell it. A list
   * that closes a circle with what others plan stays out of the plan until they are done.
   */
  const part = Effect.fnUntraced(function* (
    project_id: string,
    id: string,
    gone: string,
    envelope: Envelope,
  ) {
    yield* drop(id, [gone], envelope)
    yield* follow(project_id, id, envelope).pipe(Effect.catchTag("DependencyCycle", () => Effect.void))
  })

  /** A deleted task leaves the lists of those that waited for it, and last the plan: a repeat finds what is left over. */
  const leave = Effect.fnUntraced(function* (project_id: string, gone: string, envelope: Envelope) {
    const { state } = yield* dispatcher.load(Plan, project_id)
    const waiting = Object.keys(state.edges).filter((id) => state.edges[id]?.includes(gone))
    yield* Effect.forEach(waiting, (id) => part(project_id, id, gone, envelope), {
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
    }).pipe(Effect.retry({ times: LOOK_AGAIN }), Effect.ignore)

  return { dropGone, leave }
}
export type Leaver = ReturnType<typeof leaver>
