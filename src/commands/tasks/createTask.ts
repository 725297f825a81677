import { Effect } from "effect"
import type { Digest } from "../../domain/Digest.ts"
import { isChosen } from "../../domain/Ids.ts"
import { objectionToNew } from "../../domain/taskDecisions.ts"
import { TaskExists } from "../../domain/TaskRefusal.ts"
import type { Claims } from "../Claims.ts"
import type { Dispatcher } from "../dispatch.ts"
import type { Envelope } from "../Envelope.ts"
import { idOfNew, projectId } from "../identify.ts"
import { factsOf } from "../informed.ts"
import type { TaskChecks } from "../taskChecks.ts"
import type { Leaver } from "./leaver.ts"
import type { Planner } from "./planner.ts"
import { numberReserver } from "./reserveNumber.ts"
import type { TaskGiver } from "./taskGiver.ts"
import type { NewTask } from "./TaskWish.ts"

/** Makes tasks: a number of the project's, the plan, and last the task itself. A repeat completes what a crash cut off. */
export const taskCreator = (
  dispatcher: Dispatcher["Service"],
  digest: Digest["Service"],
  claims: Claims["Service"],
  { absent, load, look, objection }: TaskChecks,
  { give, refuse }: TaskGiver,
  { plan }: Planner,
  { dropGone }: Leaver,
) => {
  const reserve = numberReserver(dispatcher)

  return Effect.fnUntraced(function* (project: string, task: NewTask, envelope: Envelope) {
    const project_id = projectId(digest, project)
    const id = idOfNew(digest, "task", envelope)
    // Made before under this key: the first answer, or a refusal without a trace in another project.
    const isMade = isChosen(envelope.commandId) && (yield* load(id))._tag !== "Absent"
    if (isMade) return yield* refuse(id, new TaskExists({ id }), envelope)
    const wrong = (yield* absent(task)) ?? (yield* objection(id, project_id, task))
    if (wrong !== undefined) return yield* refuse(id, wrong, envelope)

    const wanted = { ...blank, ...task, actor: envelope.actor, id, project_id }
    const { assignee_slug, depends_on } = wanted
    const full = assignee_slug === null ? undefined : yield* claims.full(assignee_slug)
    const tasks = new Map(assignee_slug === null ? [] : yield* look(depends_on))
    const seen = { tasks, full }
    // A command that would be refused in the end reserves nothing.
    const objected = objectionToNew(wanted, factsOf(seen)) ?? full
    if (objected !== undefined) return yield* refuse(id, objected, envelope)

    const identity = yield* reserve(project_id, id, envelope)
    if (depends_on.length > 0) yield* plan(project_id, id, depends_on, envelope)
    const outcome = yield* give(id, [{ _tag: "CreateTask", ...wanted, ...identity }], envelope, seen)
    if (depends_on.length > 0) yield* dropGone(project_id, id, depends_on, envelope)
    return outcome
  })
}

const blank = {
  description: "",
  type: "task",
  status: "todo",
  priority: "medium",
  labels: [],
  parent_id: null,
  assignee_slug: null,
  reviewer_slug: null,
  position: 0,
  time_spent: 0,
  depends_on: [],
} as const
