import type { Actor } from "../../src/domain/Actor.ts"
import { type OpenDependency, Task, TaskCommand, TaskEvent, type TaskFacts } from "../../src/domain/Task.ts"
import { scenarioKnowing } from "./given.ts"
import { uuids } from "./histories.ts"

// The cast and the task of the examples: ada is an agent and the task's creator.
const member = (slug: string, type: Actor["type"], role: Actor["role"] = "member"): Actor => ({
  slug,
  name: slug.toUpperCase(),
  type,
  role,
})
export const ada = member("ada", "agent")
export const bob = member("bob", "agent")
export const eve = member("eve", "agent")
export const person = member("paul", "human")
export const admin = member("admin", "agent", "admin")

const [id = "", project_id = "", dependency = "", other = ""] = uuids
export { dependency, id, other }

export const fields = {
  id,
  project_id,
  parent_id: null,
  number: 1,
  key: "TE-1",
  title: "Fix login bug",
  description: "",
  type: "bug",
  status: "todo",
  priority: "high",
  labels: ["frontend"],
  reviewer_slug: null,
  depends_on: [],
  position: 0,
  time_spent: 0,
} as const

/** The facts while nothing keeps the task waiting, and while others are open. */
export const knowing = (...open_dependencies: ReadonlyArray<typeof OpenDependency.Type>): TaskFacts => ({
  open_dependencies,
})

export const given = scenarioKnowing(Task, knowing())
export const command = TaskCommand.cases
export const event = TaskEvent.cases

export const created = event.TaskCreated.make({ ...fields, created_by: "ada" })
export const waiting = event.TaskDependenciesChanged.make({ depends_on: [dependency] })
export const blocker = { id: dependency, key: "TE-2", status: "todo" } as const

export const takenBy = ({ slug }: Actor) => event.TaskTaken.make({ assignee_slug: slug })
export const take = (actor: Actor, slug = actor.slug) => command.TakeTask.make({ actor, slug })
export const change = (actor: Actor, changes: (typeof command.ChangeTask.Type)["changes"]) =>
  command.ChangeTask.make({ actor, changes })
