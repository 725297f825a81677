import { Schema } from "effect"
import {
  HttpApi,
  HttpApiEndpoint,
  HttpApiGroup,
  HttpApiMiddleware,
  HttpApiSchema,
  OpenApi,
} from "effect/http-api"
import { Seq, Slug, Uuid } from "../../domain/Ids.ts"
import { Priority, TaskStatus, TaskType } from "../../domain/Task.ts"
import { Line } from "../../domain/Text.ts"
import { FrameBody } from "../frames.ts"
import {
  AdmissionBody,
  AssignmentBody,
  HealthBody,
  HistoryBody,
  MemberBody,
  MemberChangesBody,
  MessageBody,
  NewMemberBody,
  NewMessageBody,
  NewProjectBody,
  NewStepBody,
  NewTaskBody,
  ProblemBody,
  ProjectBody,
  ProjectChangesBody,
  RejectionBody,
  StepBody,
  StepChangesBody,
  TaskBody,
  TaskChangesBody,
  TokenBody,
} from "./bodies.ts"
import { paging } from "./cursors.ts"
import type { Exchange } from "./Exchange.ts"
import { documented } from "./documented.ts"
import { ExplanationBody } from "./explainBody.ts"
import { lastEventId, LogEvents, logFilters, LogRecordBody } from "./logBodies.ts"

const optional = Schema.optionalKey
const { delete: del, get, patch, post } = HttpApiEndpoint

const problem = <Status extends number>(status: Status) =>
  ProblemBody.pipe(
    HttpApiSchema.status(status),
    HttpApiSchema.asJson({ contentType: "application/problem+json" }),
  )

/** Who calls, how often, and what came along: stands before every route of the API. */
export class Gate extends HttpApiMiddleware.Service<Gate, { provides: Exchange }>()(
  "crewlog/adapters/http/Gate",
  { error: [400, 401, 403, 404, 409, 412, 422, 429, 500, 503].map(problem) },
) {}

const created = <S extends Schema.Top>(body: S) => body.pipe(HttpApiSchema.status(201))
/** The caller, or, for admins, whom it acts for. */
const acting = { slug: optional(Slug) }

const bySlug = { slug: Slug }
const byId = { id: Uuid }

class ProjectsGroup extends HttpApiGroup.make("projects")
  .add(
    get("list", "/", { query: paging, success: Schema.Array(ProjectBody) }),
    get("one", "/:slug", { params: bySlug, success: ProjectBody }),
    post("create", "/", { payload: NewProjectBody, success: created(ProjectBody) }),
    patch("change", "/:slug", { params: bySlug, payload: ProjectChangesBody, success: ProjectBody }),
  )
  .prefix("/api/v1/projects")
  .middleware(Gate) {}

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
const step = { id: Uuid, step_id: Uuid }

class TasksGroup extends HttpApiGroup.make("tasks")
  .add(
    get("list", "/", { query: { ...filters, ...paging }, success: Schema.Array(TaskBody) }),
    get("one", "/:id", { params: byId, success: TaskBody }),
    post("create", "/", { query: { project_slug: Slug }, payload: NewTaskBody, success: created(TaskBody) }),
    patch("change", "/:id", { params: byId, payload: TaskChangesBody, success: TaskBody }),
    del("remove", "/:id", { params: byId }),
    post("take", "/:id/take", { params: byId, query: acting, success: TaskBody }),
    post("reject", "/:id/reject", { params: byId, payload: RejectionBody, success: TaskBody }),
    post("assign", "/:id/assign", { params: byId, payload: AssignmentBody, success: TaskBody }),
    post("watch", "/:id/watch", { params: byId, query: acting, success: TaskBody }),
    del("unwatch", "/:id/watch", { params: byId, query: acting, success: TaskBody }),
    get("steps", "/:id/steps", { params: byId, success: Schema.Array(StepBody) }),
    post("addStep", "/:id/steps", { params: byId, payload: NewStepBody, success: created(StepBody) }),
    patch("changeStep", "/:id/steps/:step_id", { params: step, payload: StepChangesBody, success: StepBody }),
    del("removeStep", "/:id/steps/:step_id", { params: step }),
    get("history", "/:id/history", { params: byId, query: paging, success: Schema.Array(HistoryBody) }),
    get("explain", "/:id/explain", { params: byId, success: ExplanationBody }),
  )
  .prefix("/api/v1/tasks")
  .middleware(Gate) {}

class MessagesGroup extends HttpApiGroup.make("messages")
  .add(
    get("list", "/", {
      query: { chat_id: optional(Uuid), task_id: optional(Uuid), ...paging },
      success: Schema.Array(MessageBody),
    }),
    post("send", "/", { payload: NewMessageBody, success: created(MessageBody) }),
    get("replies", "/:id/replies", { params: byId, query: paging, success: Schema.Array(MessageBody) }),
  )
  .prefix("/api/v1/messages")
  .middleware(Gate) {}

class MembersGroup extends HttpApiGroup.make("members")
  .add(
    get("list", "/members", { query: paging, success: Schema.Array(MemberBody) }),
    get("one", "/members/:slug", { params: bySlug, success: MemberBody }),
    post("register", "/members", { payload: NewMemberBody, success: created(AdmissionBody) }),
    patch("change", "/members/:slug", { params: bySlug, payload: MemberChangesBody, success: MemberBody }),
    post("rotateToken", "/members/:slug/token", { params: bySlug, success: TokenBody }),
    get("me", "/me", { success: MemberBody }),
  )
  .prefix("/api/v1")
  .middleware(Gate) {}

class FeedGroup extends HttpApiGroup.make("feed")
  .add(
    get("after", "/", {
      query: { after: Seq, project_id: optional(Uuid), limit: paging.limit },
      success: Schema.Array(FrameBody),
      error: problem(410),
    }),
  )
  .prefix("/api/v1/feed")
  .middleware(Gate) {}

class LogGroup extends HttpApiGroup.make("log")
  .add(
    get("list", "/", {
      query: { ...logFilters, limit: paging.limit },
      success: Schema.Array(LogRecordBody),
    }),
    get("stream", "/stream", { query: logFilters, headers: lastEventId, success: LogEvents }),
  )
  .prefix("/api/v1/log")
  .middleware(Gate) {}

const health = { query: { verbose: optional(Schema.String) }, success: HealthBody }

class HealthGroup extends HttpApiGroup.make("health").add(
  get("live", "/livez", { success: HealthBody }),
  get("ready", "/readyz", { ...health, error: problem(503) }),
) {}

/** The REST interface of tracker.md, as a document at `/openapi.json` and a page at `/docs`. */
export class Api extends HttpApi.make("crewlog")
  .add(ProjectsGroup, TasksGroup, MessagesGroup, MembersGroup, FeedGroup, LogGroup, HealthGroup)
  .annotateMerge(
    OpenApi.annotations({
      title: "Crewlog",
      version: "0.1.0",
      description:
        "Projects, tasks, messages and members of a crew. Every accepted command is on the log for ever.",
      transform: documented,
    }),
  )
  // Everything that is wrong with a request is told at once.
  .annotate(HttpApi.ParseOptions, { errors: "all" }) {}
