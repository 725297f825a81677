import { Schema, Struct } from "effect"
import { MessageContent, Mentions } from "../domain/Chat.ts"
import { Instant, Seq, Slug, Uuid } from "../domain/Ids.ts"
import {
  Capabilities,
  ChatListen,
  MemberName,
  MemberRole,
  MemberState,
  MemberType,
  Model,
  Prompt,
  TaskListen,
} from "../domain/Member.ts"
import { Dependencies } from "../domain/Plan.ts"
import { PresenceStatus } from "../domain/Presence.ts"
import { ProjectDescription, ProjectName, ProjectState, ProjectStatus, RepoUrls } from "../domain/Project.ts"
import {
  Labels,
  Position,
  Priority,
  StepTitle,
  TaskState,
  TaskStatus,
  TaskTitle,
  TaskType,
  TimeSpent,
} from "../domain/Task.ts"
import { Body } from "../domain/Text.ts"
import { filled } from "./filled.ts"

// Every JSON body of the REST interface (tracker.md; the shapes are law).

const optional = Schema.optionalKey
const named = (identifier: string) => ({ identifier })

export const ProjectBody = Schema.Struct(
  Struct.omit(ProjectState.cases.Known.fields, ["_tag", "reserved"]),
).annotate(named("Project"))

export const newProject = {
  name: ProjectName,
  slug: Slug,
  description: filled(ProjectDescription, null),
  repo_urls: filled(RepoUrls, []),
}
export const projectChanges = {
  name: optional(ProjectName),
  description: optional(ProjectDescription),
  repo_urls: optional(RepoUrls),
  status: optional(ProjectStatus),
}

/** `claim` is the log position of the taking or assignment that holds, null while the task is free. */
export const TaskBody = Schema.Struct(Struct.omit(TaskState.cases.Open.fields, ["_tag"])).annotate(
  named("Task"),
)

export const newTask = {
  title: TaskTitle,
  description: filled(Body, ""),
  type: filled(TaskType, "task"),
  status: filled(TaskStatus, "todo"),
  priority: filled(Priority, "medium"),
  labels: filled(Labels, []),
  parent_id: filled(Schema.NullOr(Uuid), null),
  assignee_slug: filled(Schema.NullOr(Slug), null),
  reviewer_slug: filled(Schema.NullOr(Slug), null),
  position: filled(Position, 0),
  time_spent: filled(TimeSpent, 0),
  depends_on: filled(Dependencies, []),
}
export const taskChanges = {
  title: optional(TaskTitle),
  description: optional(Body),
  type: optional(TaskType),
  status: optional(TaskStatus),
  priority: optional(Priority),
  labels: optional(Labels),
  parent_id: optional(Schema.NullOr(Uuid)),
  assignee_slug: optional(Schema.NullOr(Slug)),
  reviewer_slug: optional(Schema.NullOr(Slug)),
  position: optional(Position),
  time_spent: optional(TimeSpent),
  depends_on: optional(Dependencies),
}

export const StepBody = Schema.Struct({ id: Uuid, title: StepTitle, done: Schema.Boolean }).annotate(
  named("Step"),
)
export const stepChanges = { title: optional(StepTitle), done: optional(Schema.Boolean) }

/** An event of a task: who, what, when, and its position (`seq`, and `idx` within the record). */
export const HistoryBody = Schema.Struct({
  seq: Seq,
  idx: Schema.Int,
  event: Schema.String,
  data: Schema.Json,
  actor: Slug,
  at: Instant,
  command: Schema.String,
  correlation: Schema.String,
  causation: Schema.NullOr(Seq),
}).annotate(named("HistoryEntry"))

export const MessageBody = Schema.Struct({
  id: Uuid,
  chat_id: Schema.NullOr(Uuid),
  task_id: Schema.NullOr(Uuid),
  parent_id: Schema.NullOr(Uuid),
  author_type: MemberType,
  author_slug: Slug,
  author_name: MemberName,
  content: Schema.String,
  mentions: Schema.Array(Slug),
  voice_url: Schema.Null,
  attachments: Schema.Array(Schema.Json),
  created_at: Instant,
}).annotate(named("Message"))

/** Exactly one of `chat_id` and `task_id`. */
export const newMessage = {
  chat_id: filled(Schema.NullOr(Uuid), null),
  task_id: filled(Schema.NullOr(Uuid), null),
  content: MessageContent,
  mentions: filled(Mentions, []),
  parent_id: filled(Schema.NullOr(Uuid), null),
}

/** `status` is the member's presence; answers to commands and `/me` are without. */
export const MemberBody = Schema.Struct({
  ...Struct.omit(MemberState.cases.Known.fields, ["_tag", "token_hash"]),
  status: optional(PresenceStatus),
}).annotate(named("Member"))

export const newMember = {
  name: MemberName,
  slug: Slug,
  type: MemberType,
  role: filled(MemberRole, "member"),
  capabilities: filled(Capabilities, []),
  chat_listen: filled(ChatListen, "all"),
  task_listen: filled(TaskListen, "all"),
  prompt: filled(Prompt, null),
  model: filled(Model, null),
}
export const memberChanges = {
  name: optional(MemberName),
  role: optional(MemberRole),
  capabilities: optional(Capabilities),
  chat_listen: optional(ChatListen),
  task_listen: optional(TaskListen),
  prompt: optional(Prompt),
  model: optional(Model),
  is_enabled: optional(Schema.Boolean),
}

/** The token is shown this once. */
export const AdmissionBody = Schema.Struct({ member: MemberBody, token: Schema.String }).annotate(
  named("Admission"),
)
export const TokenBody = Schema.Struct({ token: Schema.String }).annotate(named("Token"))

export const HealthBody = Schema.Struct({
  status: Schema.String,
  checks: optional(
    Schema.Array(Schema.Struct({ name: Schema.String, ok: Schema.Boolean, detail: Schema.String })),
  ),
}).annotate(named("Health"))

/** RFC 9457; which further fields there are depends on `code`. */
export const ProblemBody = Schema.Struct({
  type: Schema.String,
  title: Schema.String,
  status: Schema.Int,
  detail: Schema.String,
  code: Schema.String,
  field: optional(Schema.String),
  errors: optional(Schema.Array(Schema.Struct({ field: Schema.String, message: Schema.String }))),
}).annotate(named("Problem"))
