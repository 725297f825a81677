import { Result, Schema } from "effect"
import type { Aggregate } from "./Aggregate.ts"
import { differing } from "./differing.ts"
import { Instant, Slug, Uuid } from "./Ids.ts"
import { KeyPrefix } from "./Prefix.ts"
import { Body, Line, Title } from "./Text.ts"

export const ProjectName = Title(200)
export const ProjectDescription = Schema.NullOr(Body)
/** The addresses of the project's code, 20 at most: `https://...`, `ssh://...`, `git://...` or `git@host:...`. */
export const RepoUrls = Schema.Array(
  Line(2000).check(Schema.isPattern(/^(https?:\/\/|ssh:\/\/|git:\/\/|git@)[\x21-\x7e]+$/)),
).check(Schema.isMaxLength(20))
export const ProjectStatus = Schema.Literals(["active", "archived"])
/** Counts up per project and is never given twice. */
export const TaskNumber = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 2_147_483_647 }))

const changeable = {
  name: Schema.optionalKey(ProjectName),
  description: Schema.optionalKey(ProjectDescription),
  repo_urls: Schema.optionalKey(RepoUrls),
}

// Tags and fields are the storage format: add fields with a default, never rename or remove.
export const ProjectEvent = Schema.TaggedUnion({
  ProjectCreated: {
    v: Schema.tag(1),
    id: Uuid,
    name: ProjectName,
    slug: Slug,
    description: ProjectDescription,
    repo_urls: RepoUrls,
    prefix: KeyPrefix,
    chat_id: Uuid,
  },
  ProjectChanged: { v: Schema.tag(1), changes: Schema.Struct(changeable) },
  ProjectArchived: { v: Schema.tag(1) },
  ProjectReopened: { v: Schema.tag(1) },
  TaskNumberReserved: { v: Schema.tag(1), task_id: Uuid, number: TaskNumber },
})
export type ProjectEvent = typeof ProjectEvent.Type

export const ProjectCommand = Schema.TaggedUnion({
  CreateProject: {
    id: Uuid,
    name: ProjectName,
    slug: Slug,
    description: ProjectDescription,
    repo_urls: RepoUrls,
    prefix: KeyPrefix,
    chat_id: Uuid,
  },
  ChangeProject: { ...changeable, status: Schema.optionalKey(ProjectStatus) },
  ReserveTaskNumber: { task_id: Uuid },
})
export type ProjectCommand = typeof ProjectCommand.Type

export class ProjectNotFound extends Schema.TaggedError<ProjectNotFound>()("ProjectNotFound", {}) {}
export class ProjectExists extends Schema.TaggedError<ProjectExists>()("ProjectExists", { slug: Slug }) {}
/** Archived projects take no new tasks. */
export class ProjectIsArchived extends Schema.TaggedError<ProjectIsArchived>()("ProjectIsArchived", {
  slug: Slug,
}) {}
export type ProjectRefusal = ProjectNotFound | ProjectExists | ProjectIsArchived

// The storage format of snapshots, and the read model's row.
export const ProjectState = Schema.TaggedUnion({
  Absent: {},
  Known: {
    id: Uuid,
    name: ProjectName,
    slug: Slug,
    description: ProjectDescription,
    repo_urls: RepoUrls,
    status: ProjectStatus,
    prefix: KeyPrefix,
    task_counter: Schema.Int,
    chat_id: Uuid,
    /** The last 16 numbers given, oldest first, so that a repeat gets its number and not a new one. */
    reserved: Schema.Array(Schema.Struct({ task_id: Uuid, number: TaskNumber })),
    created_at: Instant,
    updated_at: Instant,
  },
})
export type ProjectState = typeof ProjectState.Type
type Known = Extract<ProjectState, { readonly _tag: "Known" }>

type Decision = Result.Result<ReadonlyArray<ProjectEvent>, ProjectRefusal>
const nothing: Decision = Result.succeed([])
const record = (...events: ReadonlyArray<ProjectEvent>): Decision => Result.succeed(events)
const refuse = (refusal: ProjectRefusal): Decision => Result.fail(refusal)

type Command<Tag> = Extract<ProjectCommand, { readonly _tag: Tag }>

const create = (command: Command<"CreateProject">): Decision => {
  const { id, name, slug, description, repo_urls, prefix, chat_id } = command
  return record({ _tag: "ProjectCreated", v: 1, id, name, slug, description, repo_urls, prefix, chat_id })
}

const change = (command: Command<"ChangeProject">, project: Known): Decision => {
  const { _tag, status = project.status, ...wanted } = command
  const changes = differing(wanted, project)
  return record(
    ...(changes === undefined ? [] : [{ _tag: "ProjectChanged", v: 1, changes } as const]),
    ...(status === project.status ? [] : [{ _tag: archiving[status], v: 1 } as const]),
  )
}
const archiving = { archived: "ProjectArchived", active: "ProjectReopened" } as const

const reserve = (task_id: string, project: Known): Decision => {
  if (reservedNumber(project, task_id) !== undefined) return nothing
  return project.status === "archived"
    ? refuse(new ProjectIsArchived({ slug: project.slug }))
    : record({ _tag: "TaskNumberReserved", v: 1, task_id, number: project.task_counter + 1 })
}

/** The number that was lately reserved for a task. */
export const reservedNumber = (state: ProjectState, task_id: string): number | undefined =>
  state._tag === "Known"
    ? state.reserved.find((reservation) => reservation.task_id === task_id)?.number
    : undefined

/** A project: its settings, and the one that hands out task numbers. */
export const Project: Aggregate<ProjectState, ProjectCommand, ProjectEvent, ProjectRefusal> = {
  type: "project",
  events: ProjectEvent,
  state: ProjectState,
  initial: { _tag: "Absent" },

  evolve: (state, event, { at }): ProjectState => {
    if (event._tag === "ProjectCreated") {
      const { id, name, slug, description, repo_urls, prefix, chat_id } = event
      const settings = { id, name, slug, description, repo_urls, prefix, chat_id }
      const fresh = {
        status: "active",
        task_counter: 0,
        reserved: [],
        created_at: at,
        updated_at: at,
      } as const
      return { _tag: "Known", ...settings, ...fresh }
    }
    if (state._tag === "Absent") return state
    const project = { ...state, updated_at: at }
    switch (event._tag) {
      case "ProjectChanged":
        return { ...project, ...event.changes }
      case "ProjectArchived":
        return { ...project, status: "archived" }
      case "ProjectReopened":
        return { ...project, status: "active" }
      case "TaskNumberReserved": {
        const { number, task_id } = event
        return {
          ...state,
          task_counter: number,
          reserved: [...state.reserved, { task_id, number }].slice(-16),
        }
      }
    }
  },

  decide: (command, state) => {
    if (state._tag === "Absent") {
      return command._tag === "CreateProject" ? create(command) : refuse(new ProjectNotFound())
    }
    return ProjectCommand.match(command, {
      CreateProject: () => refuse(new ProjectExists({ slug: state.slug })),
      ChangeProject: (command) => change(command, state),
      ReserveTaskNumber: ({ task_id }) => reserve(task_id, state),
    })
  },
}
