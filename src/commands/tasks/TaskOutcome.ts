import type { Effect } from "effect"
import type { DependencyCycle } from "../../domain/Plan.ts"
import type { ProjectRefusal } from "../../domain/Project.ts"
import type { TaskEvent, TaskState } from "../../domain/Task.ts"
import type { TaskRefusal } from "../../domain/TaskRefusal.ts"
import type { TooManyClaims } from "../Claims.ts"
import type { DispatchFailure, Outcome } from "../Outcome.ts"
import type { UnknownMember } from "../People.ts"
import type { ParentCycle, UnknownTask } from "../taskChecks.ts"

export type TasksRefusal =
  | TaskRefusal
  | ProjectRefusal
  | DependencyCycle
  | TooManyClaims
  | UnknownMember
  | UnknownTask
  | ParentCycle

export type TaskOutcome = Effect.Effect<Outcome<TaskState, TaskEvent>, TasksRefusal | DispatchFailure>
