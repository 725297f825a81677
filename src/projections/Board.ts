import type { AggregateType } from "../domain/Aggregate.ts"
import type { MemberState } from "../domain/Member.ts"
import { type PresenceState, statusOf } from "../domain/Presence.ts"
import type { ProjectState } from "../domain/Project.ts"
import type { OpenTask, TaskState } from "../domain/Task.ts"
import type { MemberView, ProjectView, TaskView } from "./Views.ts"

/**
 * The content of a board at one moment. Projects and members go by slug, tasks by status, then by their place
 * in the column.
 */
export interface Board {
  readonly projects: ReadonlyArray<ProjectView>
  readonly tasks: ReadonlyArray<TaskView>
  readonly members: ReadonlyArray<MemberView>
}

/** An aggregate as it was folded; the type says what the state is of. */
export interface Aggregated {
  readonly type: AggregateType
  readonly id: string
  readonly state: unknown
}

const columns: Readonly<Record<OpenTask["status"], number>> = {
  backlog: 0,
  todo: 1,
  in_progress: 2,
  in_review: 3,
  done: 4,
}

const bySlug = (one: { readonly slug: string }, other: { readonly slug: string }) =>
  one.slug < other.slug ? -1 : 1

const byPosition = (one: TaskView, other: TaskView) =>
  columns[one.status] - columns[other.status] ||
  one.position - other.position ||
  one.number - other.number ||
  (one.id < other.id ? -1 : 1)

/** The board that these aggregates make, whatever their order. */
export const boardOf = (aggregates: Iterable<Aggregated>): Board => {
  const projects: Array<ProjectView> = []
  const tasks: Array<TaskView> = []
  const known: Array<Extract<MemberState, { readonly _tag: "Known" }>> = []
  const presences = new Map<string, PresenceState>()
  for (const { id, state, type } of aggregates) {
    if (type === "presence") presences.set(id, state as PresenceState)
    if (type === "member") known.push(...memberIn(state as MemberState))
    if (type === "project") projects.push(...projectIn(state as ProjectState))
    if (type === "task") tasks.push(...taskIn(state as TaskState))
  }
  const members = known.map(({ _tag, token_hash: _, ...member }) => ({
    ...member,
    status: statusOf(presences.get(member.id) ?? { _tag: "Unseen" }),
  }))
  return {
    projects: projects.toSorted(bySlug),
    tasks: tasks.toSorted(byPosition),
    members: members.toSorted(bySlug),
  }
}

const memberIn = (state: MemberState) => (state._tag === "Known" ? [state] : [])

const projectIn = (state: ProjectState): ReadonlyArray<ProjectView> => {
  if (state._tag !== "Known") return []
  const { _tag, reserved: _, ...project } = state
  return [project]
}

const taskIn = (state: TaskState): ReadonlyArray<TaskView> => {
  if (state._tag !== "Open") return []
  const { _tag, ...task } = state
  return [task]
}
