import { Schema } from "effect"
import { Seq, Slug, Uuid } from "./Ids.ts"

export class TaskNotFound extends Schema.TaggedError<TaskNotFound>()("TaskNotFound", {}) {}
/** The id was used before, perhaps by a task that is deleted by now. */
export class TaskExists extends Schema.TaggedError<TaskExists>()("TaskExists", { id: Uuid }) {}
/** Someone holds the task, and the actor is not one who may move it. */
export class TaskAlreadyTaken extends Schema.TaggedError<TaskAlreadyTaken>()("TaskAlreadyTaken", {
  holder: Slug,
}) {}
/** A task is given back by its holder only. */
export class NotHolder extends Schema.TaggedError<NotHolder>()("NotHolder", {
  holder: Schema.NullOr(Slug),
}) {}
/** The task waits for others that are not done. */
export class DependenciesOpen extends Schema.TaggedError<DependenciesOpen>()("DependenciesOpen", {
  open: Schema.Array(Schema.Struct({ id: Uuid, key: Schema.String, status: Schema.String })),
}) {}
/** The change was based on an older claim than the one that holds now. */
export class StaleClaim extends Schema.TaggedError<StaleClaim>()("StaleClaim", {
  claim: Schema.NullOr(Seq),
}) {}
export class TaskIsItsOwnParent extends Schema.TaggedError<TaskIsItsOwnParent>()("TaskIsItsOwnParent", {}) {}
export class StepNotFound extends Schema.TaggedError<StepNotFound>()("StepNotFound", { step_id: Uuid }) {}
/** Another step has this id. */
export class StepExists extends Schema.TaggedError<StepExists>()("StepExists", { step_id: Uuid }) {}
/** A list of the task is full. */
export class LimitReached extends Schema.TaggedError<LimitReached>()("LimitReached", {
  what: Schema.Literals(["steps", "watchers"]),
  limit: Schema.Int,
}) {}
/** The actor may not do this, whatever the task's state. */
export class NotAllowed extends Schema.TaggedError<NotAllowed>()("NotAllowed", { what: Schema.String }) {}

export type TaskRefusal =
  | TaskNotFound
  | TaskExists
  | TaskAlreadyTaken
  | NotHolder
  | DependenciesOpen
  | StaleClaim
  | TaskIsItsOwnParent
  | StepNotFound
  | StepExists
  | LimitReached
  | NotAllowed
