import { Effect, Schema } from "effect"
import type { Outcome } from "../commands/dispatch.ts"
import { Tasks } from "../commands/Tasks.ts"
import { MessageContent } from "../domain/Chat.ts"
import { Slug, Uuid } from "../domain/Ids.ts"
import {
  Priority,
  StepTitle,
  Task,
  type TaskEvent,
  type TaskState,
  TaskStatus,
  TaskType,
} from "../domain/Task.ts"
import { TaskNotFound } from "../domain/TaskRefusal.ts"
import { Line } from "../domain/Text.ts"
import { Explanation } from "../projections/Explanation.ts"
import { ReadModel } from "../projections/ReadModel.ts"
import { HistoryBody, newTask, StepBody, stepChanges, TaskBody, taskChanges } from "./bodies.ts"
import { byFrameSeq, byPosition, paging } from "./cursors.ts"
import * as examples from "./examples.ts"
import { provenHistory } from "../projections/provenHistory.ts"
import { explained } from "./explained.ts"
import { about, command, question } from "./Operation.ts"
import { anyone, creator, holder, oneself } from "./rights.ts"
import { shownTask } from "./shown.ts"

type TaskOutcome = Outcome<TaskState, TaskEvent>

const optional = Schema.optionalKey
const byId = { id: Uuid }
const ofTask = about(Task, ({ id }: { readonly id: string }) => id)
/** The caller, or, for admins, whom it acts for. */
const acting = { ...byId, slug: optional(Slug) }
const example = { input: { id: examples.ids.task }, output: examples.task }

const told = ({ state }: TaskOutcome) => shownTask(state)

/** The step that was asked for, as it was right after the command. */
const stepIn = ({ events, state }: TaskOutcome) => {
  const named = events.find((event) => "step_id" in event)
  const steps = state._tag === "Open" ? state.steps : []
  return steps.find(({ id }) => id === named?.step_id) ?? steps.at(-1) ?? {}
}

/** Refusals of any command to a task that is there. */
const ofAny = ["TaskNotFound", "StaleClaim"] as const
const ofGiving = ["TaskAlreadyTaken", "DependenciesOpen", "TooManyClaims", "UnknownMember"] as const

const createTask = command({
  name: "task.create",
  summary: "Creates a task",
  description:
    "The project hands out the task's number and key. A task that names an assignee is theirs from the start, under the rules of an assignment.",
  input: { project_slug: Slug, ...newTask },
  output: TaskBody,
  rest: ["POST", "/api/v1/tasks", 201],
  query: ["project_slug"],
  may: anyone,
  refusals: [
    "ProjectNotFound",
    "ProjectIsArchived",
    "TaskExists",
    "UnknownTask",
    "ParentCycle",
    "TaskIsItsOwnParent",
    "DependencyCycle",
    ...ofGiving,
  ],
  example: {
    input: {
      project_slug: "team-board",
      title: "Fix login bug",
      type: "bug",
      priority: "high",
      labels: ["frontend"],
    },
    output: examples.task,
  },
  isVersioned: true,
  give: ({ project_slug, ...task }, { envelope }) =>
    Tasks.use((tasks) => tasks.create(project_slug, task, envelope)),
  tell: told,
})

const changeTask = command({
  name: "task.change",
  summary: "Changes any fields of a task",
  description:
    "Fields that are left out stay. `assignee_slug` assigns, or frees with null; `depends_on` replaces the tasks that this one waits for, and circles are refused.",
  input: { ...byId, ...taskChanges },
  output: TaskBody,
  shown: TaskBody.fields,
  rest: ["PATCH", "/api/v1/tasks/:id", 200],
  of: ofTask,
  may: holder,
  refusals: [...ofAny, ...ofGiving, "UnknownTask", "ParentCycle", "TaskIsItsOwnParent", "DependencyCycle"],
  example: {
    input: { id: examples.ids.task, status: "in_progress" },
    output: { ...examples.taken, status: "in_progress" },
  },
  isVersioned: true,
  give: ({ id, ...changes }, { claim, envelope }) =>
    Tasks.use((tasks) => tasks.change({ id, claim }, changes, envelope)),
  tell: told,
})

const removeTask = command({
  name: "task.remove",
  summary: "Deletes a task",
  description: "Its number is never used again. Tasks that waited for it no longer do.",
  input: byId,
  rest: ["DELETE", "/api/v1/tasks/:id", 204],
  of: ofTask,
  may: creator,
  refusals: [...ofAny, "NotAllowed"],
  example: { input: { id: examples.ids.task } },
  give: ({ id }, { claim, envelope }) => Tasks.use((tasks) => tasks.remove({ id, claim }, envelope)),
})

const takeTask = command({
  name: "task.take",
  summary: "Takes a task; its claim is in the answer",
  description:
    "One member holds a task at a time: a 409 names who has it. The status stays. Taking what one holds already succeeds and changes nothing. Send `claim` as `Crewlog-Claim` with later changes, so that they are refused should the task be somebody else's by then.",
  input: acting,
  output: TaskBody,
  rest: ["POST", "/api/v1/tasks/:id/take", 200],
  query: ["slug"],
  of: ofTask,
  may: oneself,
  refusals: [...ofAny, ...ofGiving, "NotAllowed"],
  example: { ...example, output: examples.taken },
  isVersioned: true,
  give: ({ id, slug }, { actor, claim, envelope }) =>
    Tasks.use((tasks) => tasks.take({ id, claim }, slug ?? actor.slug, envelope)),
  tell: told,
})

const rejectTask = command({
  name: "task.reject",
  summary: "Gives a task back with a reason",
  description: "The task is free again, and the reason stands there as a comment.",
  input: { ...acting, reason: MessageContent },
  output: TaskBody,
  rest: ["POST", "/api/v1/tasks/:id/reject", 200],
  of: ofTask,
  may: oneself,
  refusals: [...ofAny, "NotHolder"],
  example: {
    input: { id: examples.ids.task, reason: "The account that I need is locked." },
    output: examples.task,
  },
  isVersioned: true,
  give: ({ id, reason, slug }, { actor, claim, envelope }) =>
    Tasks.use((tasks) => tasks.reject({ id, claim }, slug ?? actor.slug, reason, envelope)),
  tell: told,
})

const assignTask = command({
  name: "task.assign",
  summary: "Assigns a task to someone",
  description:
    "What is free may be given to anyone; what is held is moved by its holder, a person or an admin.",
  input: { ...byId, slug: Slug },
  output: TaskBody,
  rest: ["POST", "/api/v1/tasks/:id/assign", 200],
  of: ofTask,
  may: holder,
  refusals: [...ofAny, ...ofGiving],
  example: { input: { id: examples.ids.task, slug: "ada" }, output: examples.taken },
  isVersioned: true,
  give: ({ id, slug }, { claim, envelope }) =>
    Tasks.use((tasks) => tasks.assign({ id, claim }, slug, envelope)),
  tell: told,
})

const watchTask = command({
  name: "task.watch",
  summary: "Watches a task",
  description: "Who watches is told of every change, whatever else it listens to.",
  input: acting,
  output: TaskBody,
  rest: ["POST", "/api/v1/tasks/:id/watch", 200],
  query: ["slug"],
  of: ofTask,
  may: oneself,
  refusals: [...ofAny, "UnknownMember", "LimitReached", "NotAllowed"],
  example: { ...example, output: { ...examples.task, watchers: ["ada"] } },
  isVersioned: true,
  give: ({ id, slug }, { actor, claim, envelope }) =>
    Tasks.use((tasks) => tasks.watch({ id, claim }, slug ?? actor.slug, envelope)),
  tell: told,
})

const unwatchTask = command({
  name: "task.unwatch",
  summary: "Watches a task no longer",
  description: "Succeeds also for who did not watch.",
  input: acting,
  output: TaskBody,
  rest: ["DELETE", "/api/v1/tasks/:id/watch", 200],
  query: ["slug"],
  of: ofTask,
  may: oneself,
  refusals: [...ofAny, "NotAllowed"],
  example,
  isVersioned: true,
  give: ({ id, slug }, { actor, claim, envelope }) =>
    Tasks.use((tasks) => tasks.unwatch({ id, claim }, slug ?? actor.slug, envelope)),
  tell: told,
})

const addStep = command({
  name: "task.step.add",
  summary: "Adds a step to a task",
  description: "At the end of the list; a task has at most 200 steps.",
  input: { ...byId, title: StepTitle },
  output: StepBody,
  rest: ["POST", "/api/v1/tasks/:id/steps", 201],
  of: ofTask,
  may: anyone,
  refusals: [...ofAny, "StepExists", "LimitReached"],
  example: { input: { id: examples.ids.task, title: examples.step.title }, output: examples.step },
  isVersioned: true,
  give: ({ id, title }, { claim, envelope }) =>
    Tasks.use((tasks) => tasks.addStep({ id, claim }, title, envelope)),
  tell: stepIn,
})

const step = { ...byId, step_id: Uuid }
const aStep = { id: examples.ids.task, step_id: examples.ids.step }

const changeStep = command({
  name: "task.step.change",
  summary: "Changes a step, or says that it is done",
  description: "Fields that are left out stay.",
  input: { ...step, ...stepChanges },
  output: StepBody,
  shown: StepBody.fields,
  rest: ["PATCH", "/api/v1/tasks/:id/steps/:step_id", 200],
  of: ofTask,
  may: anyone,
  refusals: [...ofAny, "StepNotFound"],
  example: { input: { ...aStep, done: true }, output: { ...examples.step, done: true } },
  isVersioned: true,
  give: ({ id, step_id, ...changes }, { claim, envelope }) =>
    Effect.map(
      Tasks.use((tasks) => tasks.changeStep({ id, claim }, step_id, changes, envelope)),
      (outcome) => ({ ...outcome, step_id }),
    ),
  tell: ({ state, step_id }) =>
    (state._tag === "Open" ? state.steps.find((one) => one.id === step_id) : undefined) ?? {},
})

const removeStep = command({
  name: "task.step.remove",
  summary: "Removes a step",
  description: "The steps after it move up.",
  input: step,
  rest: ["DELETE", "/api/v1/tasks/:id/steps/:step_id", 204],
  of: ofTask,
  may: anyone,
  refusals: [...ofAny, "StepNotFound"],
  example: { input: aStep },
  give: ({ id, step_id }, { claim, envelope }) =>
    Tasks.use((tasks) => tasks.removeStep({ id, claim }, step_id, envelope)),
})

/** `assignee=` without a value asks for tasks that nobody holds. */
const filters = {
  project_id: optional(Uuid),
  project_slug: optional(Slug),
  parent_id: optional(Uuid),
  status: optional(TaskStatus),
  assignee: optional(Schema.Union([Slug, Schema.Literal("")])),
  type: optional(TaskType),
  priority: optional(Priority),
  label: optional(Line(100)),
}

const listTasks = question({
  name: "task.list",
  summary: "Lists tasks",
  description:
    "In the order of the board. Every filter that is given must hold; `assignee` without a value asks for tasks that nobody holds.",
  input: { ...filters, ...paging },
  query: [
    "project_id",
    "project_slug",
    "parent_id",
    "status",
    "assignee",
    "type",
    "priority",
    "label",
    "limit",
    "cursor",
  ],
  output: Schema.Array(TaskBody),
  rest: ["GET", "/api/v1/tasks", 200],
  may: anyone,
  refusals: [],
  example: { input: { project_slug: "team-board", status: "todo", assignee: "" }, output: [examples.task] },
  from: "tables",
  ask: Effect.fnUntraced(function* ({ assignee, cursor, limit, ...filter }) {
    const slice = yield* byPosition.slice({ cursor, limit })
    const { seq, value } = yield* ReadModel.use((model) =>
      model.tasks({ ...filter, assignee: assignee === "" ? null : assignee }, slice),
    )
    return { seq, body: value.rows, ...byPosition.next(value) }
  }),
})

const find = Effect.fnUntraced(function* (id: string) {
  const { seq, value } = yield* ReadModel.use((model) => model.task(id))
  return value === undefined ? yield* new TaskNotFound() : { seq, ...value }
})

const getTask = question({
  name: "task.get",
  summary: "Shows a task",
  description: "With its steps, watchers and what it waits for. The `ETag` is its version, for `If-Match`.",
  input: byId,
  output: TaskBody,
  rest: ["GET", "/api/v1/tasks/:id", 200],
  may: anyone,
  refusals: ["TaskNotFound"],
  example,
  from: "tables",
  isVersioned: true,
  ask: ({ id }) => Effect.map(find(id), ({ row, seq, version }) => ({ seq, body: row, version })),
})

const listSteps = question({
  name: "task.steps",
  summary: "Lists the steps of a task",
  description: "In their order.",
  input: byId,
  output: Schema.Array(StepBody),
  rest: ["GET", "/api/v1/tasks/:id/steps", 200],
  may: anyone,
  refusals: ["TaskNotFound"],
  example: { input: { id: examples.ids.task }, output: [examples.step] },
  from: "tables",
  isVersioned: true,
  ask: ({ id }) => Effect.map(find(id), ({ row, seq, version }) => ({ seq, body: row.steps, version })),
})

const listHistory = question({
  name: "task.history",
  summary: "Lists everything that happened to a task",
  description:
    "Oldest first, also of a task that was deleted: each event with who, when, and its position. Told from the log itself.",
  input: { ...byId, ...paging },
  query: ["limit", "cursor"],
  output: Schema.Array(HistoryBody),
  rest: ["GET", "/api/v1/tasks/:id/history", 200],
  may: anyone,
  refusals: ["TaskNotFound", "LogUnavailable", "LogDamaged"],
  example: {
    input: { id: examples.ids.task },
    output: [
      {
        seq: 17,
        idx: 0,
        event: "TaskTaken",
        data: { v: 1, assignee_slug: "ada" },
        actor: "ada",
        at: examples.task.created_at,
        command: "ada:take-1",
        correlation: "4f0c",
        causation: null,
      },
    ],
  },
  from: "tables",
  ask: Effect.fnUntraced(function* ({ id, ...asked }) {
    const slice = yield* byFrameSeq.slice(asked)
    const { seq, value } = yield* provenHistory(id, slice)
    if (value.rows.length === 0 && asked.cursor === undefined) return yield* new TaskNotFound()
    return { seq, body: value.rows, ...byFrameSeq.next(value) }
  }),
})

const explainTask = question({
  name: "task.explain",
  summary: "Explains why a task is where it is",
  description: "Who had it and lost it why, what it waits for, and what would move it on.",
  input: byId,
  output: Explanation,
  rest: ["GET", "/api/v1/tasks/:id/explain", 200],
  may: anyone,
  refusals: ["TaskNotFound", "LogUnavailable", "LogDamaged"],
  example: { input: { id: examples.ids.task } },
  from: "tables",
  ask: Effect.fnUntraced(function* ({ id }) {
    const { seq, value } = yield* explained(id)
    return value === undefined ? yield* new TaskNotFound() : { seq, body: value }
  }),
})

export const tasks = [
  listTasks,
  getTask,
  createTask,
  changeTask,
  removeTask,
  takeTask,
  rejectTask,
  assignTask,
  watchTask,
  unwatchTask,
  listSteps,
  addStep,
  changeStep,
  removeStep,
  listHistory,
  explainTask,
]
