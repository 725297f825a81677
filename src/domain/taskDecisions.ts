import { Result } from "effect"
import { type Actor, isAdmin, isPersonOrAdmin } from "./Actor.ts"
import { differing } from "./differing.ts"
import { normalised } from "./Plan.ts"
import {
  DependenciesOpen,
  LimitReached,
  NotAllowed,
  NotHolder,
  StaleClaim,
  StepExists,
  StepNotFound,
  TaskAlreadyTaken,
  TaskExists,
  TaskIsItsOwnParent,
  TaskNotFound,
  type TaskRefusal,
} from "./TaskRefusal.ts"
import type { OpenTask, TaskCommand, TaskEvent, TaskFacts, TaskState } from "./TaskPast.ts"

/** The most steps, and the most watchers, that a task has. */
const limit = 200

type Command<Tag> = Extract<TaskCommand, { readonly _tag: Tag }>
type Decision = Result.Result<ReadonlyArray<TaskEvent>, TaskRefusal>
const nothing: Decision = Result.succeed([])
const record = (...events: ReadonlyArray<TaskEvent>): Decision => Result.succeed(events)
const refuse = (refusal: TaskRefusal): Decision => Result.fail(refusal)

/** A member acts only as itself, an admin as anyone (tracker.md). */
const mayActAs = (actor: Actor, slug: string) => actor.slug === slug || isAdmin(actor)

/** A held task is moved by its holder, a person or an admin, never by another agent (tracker.md). */
const mayMove = (actor: Actor, holder: string) => actor.slug === holder || isPersonOrAdmin(actor)

/** The refusal while the task waits for one of those that were found open; they may be of older dependencies. */
const waiting = (
  depends_on: ReadonlyArray<string>,
  { open_dependencies }: TaskFacts,
): DependenciesOpen | undefined => {
  const open = open_dependencies.filter(({ id, status }) => status !== "done" && depends_on.includes(id))
  return open.length > 0 ? new DependenciesOpen({ open }) : undefined
}

type NewTask = Pick<Command<"CreateTask">, "id" | "parent_id" | "depends_on" | "assignee_slug">

/** The refusal of a task that is not there yet. The number that it would get has no part in it. */
export const objectionToNew = (
  { assignee_slug, depends_on, id, parent_id }: NewTask,
  facts: TaskFacts,
): TaskRefusal | undefined => {
  if (parent_id === id) return new TaskIsItsOwnParent()
  return assignee_slug === null ? undefined : waiting(depends_on, facts)
}

const create = (command: Command<"CreateTask">, facts: TaskFacts): Decision => {
  const { _tag, actor, assignee_slug, ...fields } = command
  const objection = objectionToNew(command, facts)
  if (objection !== undefined) return refuse(objection)
  const depends_on = normalised(command.depends_on)
  const created: TaskEvent = { ...fields, _tag: "TaskCreated", v: 1, depends_on, created_by: actor.slug }
  return assignee_slug === null
    ? record(created)
    : record(created, { _tag: "TaskAssigned", v: 1, assignee_slug, from: null })
}

const take = ({ actor, slug }: Command<"TakeTask">, task: OpenTask, facts: TaskFacts): Decision => {
  if (!mayActAs(actor, slug)) return refuse(new NotAllowed({ what: "take a task for another member" }))
  if (task.assignee_slug === slug) return nothing
  if (task.assignee_slug !== null) return refuse(new TaskAlreadyTaken({ holder: task.assignee_slug }))
  const objection = waiting(task.depends_on, facts)
  return objection === undefined
    ? record({ _tag: "TaskTaken", v: 1, assignee_slug: slug })
    : refuse(objection)
}

const give = (actor: Actor, to: string | null, task: OpenTask, facts: TaskFacts): Decision => {
  const { assignee_slug: from } = task
  if (to === from) return nothing
  if (from !== null && !mayMove(actor, from)) return refuse(new TaskAlreadyTaken({ holder: from }))
  if (to === null) return from === null ? nothing : record({ _tag: "TaskReleased", v: 1, from })
  const objection = waiting(task.depends_on, facts)
  return objection === undefined
    ? record({ _tag: "TaskAssigned", v: 1, assignee_slug: to, from })
    : refuse(objection)
}

const change = ({ actor, changes }: Command<"ChangeTask">, task: OpenTask, facts: TaskFacts): Decision => {
  const { status = task.status, assignee_slug = task.assignee_slug, ...wanted } = changes
  if (wanted.parent_id === task.id) return refuse(new TaskIsItsOwnParent())
  const changed = differing(wanted, task)
  return Result.map(give(actor, assignee_slug, task, facts), (given) => [
    ...(changed === undefined ? [] : [{ _tag: "TaskChanged", v: 1, changes: changed } as const]),
    ...(status === task.status ? [] : [{ _tag: "TaskMoved", v: 1, from: task.status, to: status } as const]),
    ...given,
  ])
}

const reject = ({ actor, slug, reason, comment_id }: Command<"RejectTask">, task: OpenTask): Decision => {
  const { assignee_slug: holder } = task
  if (holder === null || holder !== slug || !mayActAs(actor, holder)) return refuse(new NotHolder({ holder }))
  return record({
    _tag: "TaskRejected",
    v: 1,
    from: holder,
    reason,
    comment_id,
    by: actor.slug,
    author_type: actor.type === "human" ? "human" : "agent",
    author_name: actor.name,
  })
}

const watch = ({ actor, slug }: Command<"WatchTask">, task: OpenTask): Decision => {
  if (!mayActAs(actor, slug)) return refuse(new NotAllowed({ what: "watch for another member" }))
  if (task.watchers.includes(slug)) return nothing
  return task.watchers.length >= limit
    ? refuse(new LimitReached({ what: "watchers", limit }))
    : record({ _tag: "TaskWatched", v: 1, slug })
}

const unwatch = ({ actor, slug }: Command<"UnwatchTask">, task: OpenTask): Decision => {
  if (!mayActAs(actor, slug)) return refuse(new NotAllowed({ what: "unwatch for another member" }))
  return task.watchers.includes(slug) ? record({ _tag: "TaskUnwatched", v: 1, slug }) : nothing
}

const addStep = ({ step_id, title }: Command<"AddStep">, task: OpenTask): Decision => {
  const step = task.steps.find(({ id }) => id === step_id)
  if (step !== undefined) return step.title === title ? nothing : refuse(new StepExists({ step_id }))
  return task.steps.length >= limit
    ? refuse(new LimitReached({ what: "steps", limit }))
    : record({ _tag: "TaskStepAdded", v: 1, step_id, title })
}

const changeStep = ({ step_id, changes: wanted }: Command<"ChangeStep">, task: OpenTask): Decision => {
  const step = task.steps.find(({ id }) => id === step_id)
  if (step === undefined) return refuse(new StepNotFound({ step_id }))
  const changes = differing(wanted, step)
  return changes === undefined ? nothing : record({ _tag: "TaskStepChanged", v: 1, step_id, changes })
}

const removeStep = ({ step_id }: Command<"RemoveStep">, task: OpenTask): Decision =>
  task.steps.some(({ id }) => id === step_id)
    ? record({ _tag: "TaskStepRemoved", v: 1, step_id })
    : refuse(new StepNotFound({ step_id }))

const setDependencies = (command: Command<"SetDependencies">, task: OpenTask): Decision => {
  const depends_on = normalised(command.depends_on)
  return depends_on.join() === task.depends_on.join()
    ? nothing
    : record({ _tag: "TaskDependenciesChanged", v: 1, depends_on })
}

const remove = ({ actor }: Command<"DeleteTask">, task: OpenTask): Decision =>
  actor.slug === task.created_by || isPersonOrAdmin(actor)
    ? record({ _tag: "TaskDeleted", v: 1, from: task.assignee_slug })
    : refuse(new NotAllowed({ what: "delete a task that another member created" }))

const decideOpen = (command: TaskCommand, task: OpenTask, facts: TaskFacts): Decision => {
  switch (command._tag) {
    case "CreateTask":
      return refuse(new TaskExists({ id: task.id }))
    case "ChangeTask":
      return change(command, task, facts)
    case "TakeTask":
      return take(command, task, facts)
    case "RejectTask":
      return reject(command, task)
    case "AssignTask":
      return give(command.actor, command.slug, task, facts)
    case "WatchTask":
      return watch(command, task)
    case "UnwatchTask":
      return unwatch(command, task)
    case "AddStep":
      return addStep(command, task)
    case "ChangeStep":
      return changeStep(command, task)
    case "RemoveStep":
      return removeStep(command, task)
    case "SetDependencies":
      return setDependencies(command, task)
    case "DeleteTask":
      return remove(command, task)
  }
}

const isStale = (command: TaskCommand, task: OpenTask) =>
  "claim" in command && command.claim !== undefined && command.claim !== task.claim

/** The decision of a command on a task. A claim that is sent along must be the one that holds, whatever the command. */
export const decide = (command: TaskCommand, state: TaskState, facts: TaskFacts): Decision => {
  switch (state._tag) {
    case "Absent":
      return command._tag === "CreateTask" ? create(command, facts) : refuse(new TaskNotFound())
    case "Open":
      return isStale(command, state)
        ? refuse(new StaleClaim({ claim: state.claim }))
        : decideOpen(command, state, facts)
    case "Deleted":
      if (command._tag === "CreateTask") return refuse(new TaskExists({ id: state.id }))
      return command._tag === "DeleteTask" ? nothing : refuse(new TaskNotFound())
  }
}
