import type { Aggregate } from "./Aggregate.ts"
import { decide } from "./taskDecisions.ts"
import type { TaskRefusal } from "./TaskRefusal.ts"
import { type TaskCommand, type TaskEvent, type TaskFacts, TaskPast, type TaskState } from "./TaskPast.ts"

export * from "./TaskPast.ts"

/** A task: one holder at most, and whatever a board shows of it. */
export const Task: Aggregate<TaskState, TaskCommand, TaskEvent, TaskRefusal, TaskFacts> = {
  ...TaskPast,
  decide,
}
