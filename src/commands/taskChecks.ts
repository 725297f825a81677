import { Effect, Schema } from "effect"
import { Uuid } from "../domain/Ids.ts"
import { Task, type TaskState } from "../domain/Task.ts"
import type { Move } from "../domain/Tree.ts"
import type { Dispatcher } from "./dispatch.ts"
import type { People } from "./People.ts"

/** A task that is named is not there, or not in the same project (422; `field` is where it was named). */
export class UnknownTask extends Schema.TaggedError<UnknownTask>()("UnknownTask", {
  field: Schema.Literals(["depends_on", "parent_id"]),
  ids: Schema.Array(Uuid),
}) {}
/** The task would be its own ancestor, or lie deeper than 100 tasks. */
export class ParentCycle extends Schema.TaggedError<ParentCycle>()("ParentCycle", {}) {}

/** The fields of a task that name tasks and members. */
interface Naming {
  readonly assignee_slug?: string | null
  readonly reviewer_slug?: string | null
  readonly parent_id?: string | null
  readonly depends_on?: ReadonlyArray<string>
}

const DEEPEST = 100
const AT_ONCE = 16

const isOpenIn = (project_id: string, task: TaskState | undefined) =>
  task?._tag === "Open" && task.project_id === project_id

/** Only what is there and not done is waited for. */
const waitedFor = (task: TaskState | undefined) =>
  task?._tag === "Open" && task.status !== "done"
    ? { id: task.id, key: task.key, status: task.status }
    : undefined

/** The checks on a task's neighbours: the tasks and members that it names. */
export const taskChecks = (dispatcher: Dispatcher["Service"], people: People["Service"]) => {
  const load = (id: string) => Effect.map(dispatcher.load(Task, id), ({ state }) => state)
  const loadAll = (ids: ReadonlyArray<string>) => Effect.forEach(ids, load, { concurrency: AT_ONCE })

  const strangers = Effect.fnUntraced(function* (project_id: string, ids: ReadonlyArray<string>) {
    const states = yield* loadAll(ids)
    const missing = ids.filter((_, index) => !isOpenIn(project_id, states[index]))
    return missing.length === 0 ? undefined : new UnknownTask({ field: "depends_on", ids: missing })
  })

  /** The refusal of a parent: not there, or below the task itself, as things are or as moves that are under way will make them. */
  const misplaced = Effect.fnUntraced(function* (
    id: string,
    project_id: string,
    parent_id: string,
    moves: ReadonlyArray<Move> = [],
  ) {
    const above = [parent_id]
    for (const next of above) {
      const task = yield* load(next)
      if (next === parent_id && !isOpenIn(project_id, task)) {
        return new UnknownTask({ field: "parent_id", ids: [parent_id] })
      }
      const parents = [
        ...(task._tag === "Open" && task.parent_id !== null ? [task.parent_id] : []),
        ...moves.filter(({ task_id }) => task_id === next).map((move) => move.parent_id),
      ]
      above.push(...parents.filter((one) => !above.includes(one)))
      if (above.includes(id) || above.length > DEEPEST) return new ParentCycle()
    }
    return undefined
  })

  return {
    load,
    misplaced,
    /** The standing of tasks that may have to be waited for. */
    look: Effect.fnUntraced(function* (ids: ReadonlyArray<string>) {
      const states = yield* loadAll(ids)
      return ids.map((id, index) => [id, waitedFor(states[index])] as const)
    }),
    /** The refusal when a member that is named may not act here. */
    absent: Effect.fnUntraced(function* ({ assignee_slug, reviewer_slug }: Naming) {
      return (
        (yield* people.missing("assignee_slug", assignee_slug)) ??
        (yield* people.missing("reviewer_slug", reviewer_slug))
      )
    }),
    /** The refusal when a task that is named is not there, or above and below at once. */
    objection: Effect.fnUntraced(function* (id: string, project_id: string, task: Naming) {
      const { depends_on = [], parent_id = null } = task
      return (
        (parent_id === null || parent_id === id ? undefined : yield* misplaced(id, project_id, parent_id)) ??
        (depends_on.length === 0 ? undefined : yield* strangers(project_id, depends_on))
      )
    }),
  }
}
export type TaskChecks = ReturnType<typeof taskChecks>
