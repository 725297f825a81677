import { Effect, Schema } from "effect"
import { Dispatcher, type Outcome } from "../commands/dispatch.ts"
import { projectId } from "../commands/identify.ts"
import { Projects } from "../commands/Projects.ts"
import { Slug } from "../domain/Ids.ts"
import { Project, type ProjectEvent, ProjectNotFound, type ProjectState } from "../domain/Project.ts"
import { ReadModel } from "../projections/ReadModel.ts"
import { newProject, ProjectBody, projectChanges } from "./bodies.ts"
import { bySlug, paging } from "./cursors.ts"
import * as examples from "./examples.ts"
import { about, command, question } from "./Operation.ts"
import { admins, anyone } from "./rights.ts"
import { shownProject } from "./shown.ts"

const told = ({ state }: Outcome<ProjectState, ProjectEvent>) => shownProject(state)

const createProject = command({
  name: "project.create",
  summary: "Creates a project",
  description:
    "With a chat of its own, and a key prefix made of its slug: `team-board` numbers its tasks `TE-1`, `TE-2`, ...",
  input: newProject,
  output: ProjectBody,
  rest: ["POST", "/api/v1/projects", 201],
  may: admins("create projects"),
  refusals: ["ProjectExists"],
  example: { input: { name: "Team Board", slug: "team-board" }, output: examples.project },
  isVersioned: true,
  give: (project, { envelope }) => Projects.use((projects) => projects.create(project, envelope)),
  tell: told,
})

const changeProject = command({
  name: "project.change",
  summary: "Changes or archives a project",
  description:
    "Fields that are left out stay. `status: archived` ends the taking of new tasks; `active` begins it again.",
  input: { slug: Slug, ...projectChanges },
  output: ProjectBody,
  shown: ProjectBody.fields,
  rest: ["PATCH", "/api/v1/projects/:slug", 200],
  of: about(Project, ({ slug }: { readonly slug: string }, digest) => projectId(digest, slug)),
  may: admins("change projects"),
  refusals: ["ProjectNotFound"],
  example: {
    input: { slug: "team-board", name: "Team Board 2" },
    output: { ...examples.project, name: "Team Board 2" },
  },
  isVersioned: true,
  give: ({ slug, ...changes }, { envelope }) =>
    Projects.use((projects) => projects.change(slug, changes, envelope)),
  tell: told,
})

const listProjects = question({
  name: "project.list",
  summary: "Lists the projects",
  description: "By their slugs, archived ones too.",
  input: paging,
  query: ["limit", "cursor"],
  output: Schema.Array(ProjectBody),
  rest: ["GET", "/api/v1/projects", 200],
  may: anyone,
  refusals: [],
  example: { input: {}, output: [examples.project] },
  from: "tables",
  ask: Effect.fnUntraced(function* (asked) {
    const slice = yield* bySlug.slice(asked)
    const { seq, value } = yield* ReadModel.use((model) => model.projects(slice))
    return { seq, body: value.rows, ...bySlug.next(value) }
  }),
})

const getProject = question({
  name: "project.get",
  summary: "Shows a project",
  description: "The `ETag` is its version, for `If-Match`.",
  input: { slug: Slug },
  output: ProjectBody,
  rest: ["GET", "/api/v1/projects/:slug", 200],
  may: anyone,
  refusals: ["ProjectNotFound"],
  example: { input: { slug: "team-board" }, output: examples.project },
  from: "tables",
  isVersioned: true,
  ask: Effect.fnUntraced(function* ({ slug }) {
    const { seq, value } = yield* ReadModel.use((model) => model.project({ slug }))
    if (value === undefined) return yield* new ProjectNotFound()
    return { seq, body: value.row, version: value.version }
  }),
})

/** True if the log knows a project, also one that the tables do not show yet. */
export const isProject = Effect.fnUntraced(function* (id: string) {
  const { state } = yield* Dispatcher.use((dispatcher) => dispatcher.load(Project, id))
  return state._tag === "Known"
})

export const projects = [listProjects, getProject, createProject, changeProject]
