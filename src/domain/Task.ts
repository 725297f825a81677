import type { Aggregate } from "./Aggregate.ts"
import { decide } from "./taskDecisions.ts"
import type { TaskRefusal } from "./TaskRefusal.ts"
import { type TaskCommand, TaskEvent, type TaskFacts, TaskState } from "./taskSchemas.ts"

export * from "./taskSchemas.ts"

/** A task: one holder at most, and whatever a board shows of it. */
export const Task: Aggregate<TaskState, TaskCommand, TaskEvent, TaskRefusal, TaskFacts> = {
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

  decide,

  locate: (state, seq) => (state._tag === "Open" && state.claim === 0 ? { ...state, claim: seq } : state),
}
