import { Schema } from "effect"
import { Actor } from "./Actor.ts"
import type { Evolving } from "./Aggregate.ts"
import { MessageContent } from "./Chat.ts"
import { Instant, Seq, Slug, Uuid } from "./Ids.ts"
import { MemberName, MemberType } from "./Member.ts"
import { Dependencies } from "./Plan.ts"
import { TaskNumber } from "./Project.ts"
import { Body, Line, Title } from "./Text.ts"

export const TaskTitle = Title(500)
export const TaskType = Schema.Literals(["task", "bug", "epic", "story"])
/** Any to any. */
export const TaskStatus = Schema.Literals(["backlog", "todo", "in_progress", "in_review", "done"])
export const Priority = Schema.Literals(["low", "medium", "high", "critical"])
export const Labels = Schema.Array(Line(100)).check(Schema.isMaxLength(50), Schema.isUnique())
/** The project's prefix and the task's number, e.g. `TE-1`. */
export const TaskKey = Schema.String.check(Schema.isPattern(/^[A-Z0-9]{1,12}-[1-9][0-9]{0,9}$/))
/** The place of the task in its column; as PostgreSQL's `integer`. */
export const Position = Schema.Int.check(
  Schema.isBetween({ minimum: -2_147_483_648, maximum: 2_147_483_647 }),
)
/** Never negative; as PostgreSQL's `integer`. The unit is its users' affair. */
export const TimeSpent = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2_147_483_647 }))
export const StepTitle = Title(500)

const plain = {
  title: TaskTitle,
  description: Body,
  type: TaskType,
  priority: Priority,
  labels: Labels,
  parent_id: Schema.NullOr(Uuid),
  reviewer_slug: Schema.NullOr(Slug),
  position: Position,
  time_spent: TimeSpent,
}
const changeable = {
  title: Schema.optionalKey(TaskTitle),
  description: Schema.optionalKey(Body),
  type: Schema.optionalKey(TaskType),
  priority: Schema.optionalKey(Priority),
  labels: Schema.optionalKey(Labels),
  parent_id: Schema.optionalKey(Schema.NullOr(Uuid)),
  reviewer_slug: Schema.optionalKey(Schema.NullOr(Slug)),
  position: Schema.optionalKey(Position),
  time_spent: Schema.optionalKey(TimeSpent),
}
const identity = { id: Uuid, project_id: Uuid, number: TaskNumber, key: TaskKey }
const stepChanges = Schema.Struct({
  title: Schema.optionalKey(StepTitle),
  done: Schema.optionalKey(Schema.Boolean),
})

// Tags and fields are the storage format: add fields with a default, never rename or remove.
// `from` is who had the task and loses it.
export const TaskEvent = Schema.TaggedUnion({
  TaskCreated: {
    v: Schema.tag(1),
    ...identity,
    ...plain,
    status: TaskStatus,
    depends_on: Dependencies,
    created_by: Slug,
  },
  TaskChanged: { v: Schema.tag(1), changes: Schema.Struct(changeable) },
  TaskMoved: { v: Schema.tag(1), from: TaskStatus, to: TaskStatus },
  TaskTaken: { v: Schema.tag(1), assignee_slug: Slug },
  TaskAssigned: { v: Schema.tag(1), assignee_slug: Slug, from: Schema.NullOr(Slug) },
  TaskReleased: { v: Schema.tag(1), from: Slug },
  /** The reason is also a comment of `by`, with the id `comment_id`. */
  TaskRejected: {
    v: Schema.tag(1),
    from: Slug,
    reason: MessageContent,
    comment_id: Uuid,
    by: Slug,
    author_type: MemberType,
    author_name: MemberName,
  },
  TaskWatched: { v: Schema.tag(1), slug: Slug },
  TaskUnwatched: { v: Schema.tag(1), slug: Slug },
  TaskStepAdded: { v: Schema.tag(1), step_id: Uuid, title: StepTitle },
  TaskStepChanged: { v: Schema.tag(1), step_id: Uuid, changes: stepChanges },
  TaskStepRemoved: { v: Schema.tag(1), step_id: Uuid },
  TaskDependenciesChanged: { v: Schema.tag(1), depends_on: Dependencies },
  TaskDeleted: { v: Schema.tag(1), from: Schema.NullOr(Slug) },
})
export type TaskEvent = typeof TaskEvent.Type

/** A dependency that is not done, as the command service found it. */
export const OpenDependency = Schema.Struct({ id: Uuid, key: TaskKey, status: TaskStatus })
/** The state of other tasks, as far as a decision on this one turns on it. */
export const TaskFacts = Schema.Struct({ open_dependencies: Schema.Array(OpenDependency) })
export type TaskFacts = typeof TaskFacts.Type
/** The claim the change is based on, when it is to be fenced. */
const claim = Schema.optionalKey(Seq)

export const TaskCommand = Schema.TaggedUnion({
  CreateTask: {
    actor: Actor,
    ...identity,
    ...plain,
    status: TaskStatus,
    depends_on: Dependencies,
    assignee_slug: Schema.NullOr(Slug),
  },
  ChangeTask: {
    actor: Actor,
    claim,
    changes: Schema.Struct({
      ...changeable,
      status: Schema.optionalKey(TaskStatus),
      assignee_slug: Schema.optionalKey(Schema.NullOr(Slug)),
    }),
  },
  TakeTask: { actor: Actor, claim, slug: Slug },
  RejectTask: { actor: Actor, claim, slug: Slug, reason: MessageContent, comment_id: Uuid },
  AssignTask: { actor: Actor, claim, slug: Slug },
  WatchTask: { actor: Actor, claim, slug: Slug },
  UnwatchTask: { actor: Actor, claim, slug: Slug },
  AddStep: { claim, step_id: Uuid, title: StepTitle },
  ChangeStep: { claim, step_id: Uuid, changes: stepChanges },
  RemoveStep: { claim, step_id: Uuid },
  SetDependencies: { claim, depends_on: Dependencies },
  DeleteTask: { actor: Actor, claim },
})
export type TaskCommand = typeof TaskCommand.Type

// The storage format of snapshots, and the read model's row.
export const TaskState = Schema.TaggedUnion({
  Absent: {},
  Open: {
    ...identity,
    ...plain,
    status: TaskStatus,
    assignee_slug: Schema.NullOr(Slug),
    watchers: Schema.Array(Slug),
    depends_on: Dependencies,
    steps: Schema.Array(Schema.Struct({ id: Uuid, title: StepTitle, done: Schema.Boolean })),
    /** The position of the taking or assignment that holds; null while the task is free. 0: this very record. */
    claim: Schema.NullOr(Seq),
    created_by: Slug,
    created_at: Instant,
    updated_at: Instant,
  },
  Deleted: { ...identity, deleted_at: Instant },
})
export type TaskState = typeof TaskState.Type
export type OpenTask = Extract<TaskState, { readonly _tag: "Open" }>

/** The past of a task. */
export const TaskPast: Evolving<TaskState, TaskEvent> = {
  type: "task",
  events: TaskEvent,
  state: TaskState,
  initial: { _tag: "Absent" },

  evolve: (state, event, { seq, at }): TaskState => {
    if (event._tag === "TaskCreated") {
      const { v: _v, ...created } = event
      const free = { assignee_slug: null, claim: null, watchers: [], steps: [] }
      return { ...created, _tag: "Open", ...free, created_at: at, updated_at: at }
    }
    if (state._tag !== "Open") return state
    const task = { ...state, updated_at: at }
    switch (event._tag) {
      case "TaskChanged":
        return { ...task, ...event.changes }
      case "TaskMoved":
        return { ...task, status: event.to }
      case "TaskTaken":
      case "TaskAssigned":
        return { ...task, assignee_slug: event.assignee_slug, claim: seq }
      case "TaskReleased":
      case "TaskRejected":
        return { ...task, assignee_slug: null, claim: null }
      case "TaskWatched":
        return { ...task, watchers: [...task.watchers, event.slug] }
      case "TaskUnwatched":
        return { ...task, watchers: task.watchers.filter((slug) => slug !== event.slug) }
      case "TaskStepAdded":
        return { ...task, steps: [...task.steps, { id: event.step_id, title: event.title, done: false }] }
      case "TaskStepChanged": {
        const { step_id, changes } = event
        return {
          ...task,
          steps: task.steps.map((step) => (step.id === step_id ? { ...step, ...changes } : step)),
        }
      }
      case "TaskStepRemoved":
        return { ...task, steps: task.steps.filter((step) => step.id !== event.step_id) }
      case "TaskDependenciesChanged":
        return { ...task, depends_on: event.depends_on }
      case "TaskDeleted": {
        const { id, project_id, number, key } = task
        return { _tag: "Deleted", id, project_id, number, key, deleted_at: at }
      }
    }
  },

  locate: (state, seq) => (state._tag === "Open" && state.claim === 0 ? { ...state, claim: seq } : state),
}
