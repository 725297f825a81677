import type { Schema } from "effect"
import type { ChatsRefusal } from "../commands/Chats.ts"
import type { DispatchFailure } from "../commands/dispatch.ts"
import type { KeyVaultUnavailable } from "../commands/KeyVault.ts"
import type { DayIsFull, TooManyRequests } from "../commands/Limits.ts"
import type { TokenForgotten } from "../commands/Members.ts"
import type { TasksRefusal } from "../commands/Tasks.ts"
import type { AllowanceRefusal } from "../domain/Allowance.ts"
import type { BackendRefusal } from "../domain/Backend.ts"
import type { GatewayRefusal } from "../domain/Gateway.ts"
import type { MemberRefusal } from "../domain/Member.ts"
import type { PrefixRefusal } from "../domain/Prefix.ts"
import type { EdgeRefusal } from "./EdgeRefusal.ts"

/** Every way in which a request can fail. */
export type Failure =
  | EdgeRefusal
  | DispatchFailure
  | TasksRefusal
  | MemberRefusal
  | PrefixRefusal
  | ChatsRefusal
  | BackendRefusal
  | GatewayRefusal
  | AllowanceRefusal
  | KeyVaultUnavailable
  | TokenForgotten
  | TooManyRequests
  | DayIsFull

/**
 * The refusal that the outside is told: by REST as RFC 9457 problem, by WebSocket and NATS as an error with
 * `code` and `detail`. `code` is stable, texts are not; `more` are fields to act on.
 */
export interface Refusal {
  readonly status: number
  readonly code: string
  readonly title: string
  readonly detail: string
  readonly more: Schema.JsonObject
  /** Seconds after which it may work. */
  readonly retryAfter: number | undefined
}

type Told = readonly [detail: string, more?: Schema.JsonObject, retryAfter?: number]
type Row<Refused> = readonly [status: number, code: string, title: string, told: (failure: Refused) => Told]
type Rows = { readonly [Tag in Failure["_tag"]]: Row<Extract<Failure, { readonly _tag: Tag }>> }

const SOON = 1
const LATER = 5
const again = "Repeat with the same Idempotency-Key: it takes effect once."
const [aTask, aStep] = ["There is no such task.", "The task has no such step."]
const bad = (errors: ReadonlyArray<{ readonly field: string; readonly message: string }>): Told => [
  errors.map(({ field, message }) => `${field}: ${message}`).join("; "),
  { field: errors[0]?.field ?? "", errors: errors.map(({ field, message }) => ({ field, message })) },
]

/** The one table: HTTP status, code for every protocol, title, and what is said of the case. */
const rows: Rows = {
  NotAuthenticated: [
    401,
    "unauthorized",
    "A member's token is needed",
    ({ sent }) => [
      sent ? "The token is not, or no longer, a member's." : "Send it as `Authorization: Bearer <token>`.",
    ],
  ],
  MemberIsDisabled: [403, "member_disabled", "The member is disabled", () => ["An admin can enable it."]],
  NotYourself: [
    403,
    "not_yourself",
    "A member acts only as itself",
    ({ slug }) => [`Only ${slug} itself or an admin may do this in its name.`, { slug }],
  ],
  AdminsOnly: [403, "admins_only", "Only admins may do this", ({ what }) => [`Only admins may ${what}.`]],
  ForeignPage: [
    403,
    "foreign_origin",
    "Host or Origin is not the gateway's own",
    () => ["Ask it by its address or localhost, or by a name that CREWLOG_ALLOWED_ORIGINS has."],
  ],
  NotAllowed: [403, "not_allowed", "Not allowed", ({ what }) => [`You may not ${what}.`]],

  BadParameter: [400, "bad_parameter", "A parameter can't be read", ({ errors }) => bad(errors)],
  InvalidInput: [422, "invalid_input", "The body is not what the route takes", ({ errors }) => bad(errors)],
  UnknownField: [
    422,
    "unknown_field",
    "The body has a field that nothing reads",
    ({ errors }) => bad(errors),
  ],
  AnswerTooLarge: [
    413,
    "answer_too_large",
    "The answer is too large for a message",
    ({ limit }) => [`At most ${limit} bytes: ask for fewer with limit.`, { limit }],
  ],
  MalformedJson: [400, "malformed_json", "The body is not JSON", ({ reason }) => [reason]],
  BodyTooLarge: [
    400,
    "body_too_large",
    "The body is too large",
    ({ limit }) => [`At most ${limit} bytes.`, { limit }],
  ],
  UnsupportedContentType: [
    400,
    "unsupported_content_type",
    "The body must be JSON",
    ({ sent }) => [`Send Content-Type: application/json, not ${JSON.stringify(sent.slice(0, 100))}.`],
  ],
  NotHttp: [400, "not_http", "Not an HTTP request", () => ["The request can't be read."]],
  HeadersTooLarge: [431, "headers_too_large", "The headers are too large", () => ["At most 16 KiB."]],
  RequestTooSlow: [
    408,
    "request_too_slow",
    "The request did not arrive in time",
    () => ["Headers may take 10 seconds, the whole request 30."],
  ],
  RouteNotFound: [404, "route_not_found", "No such route", () => ["The routes are in /openapi.json."]],
  MethodNotAllowed: [
    405,
    "method_not_allowed",
    "The route does not take this method",
    ({ allow }) => [`It takes ${allow.join(", ")}.`, { allow }],
  ],

  TaskNotFound: [404, "task_not_found", "No such task", () => [aTask]],
  StepNotFound: [404, "step_not_found", "No such step", ({ step_id }) => [aStep, { step_id }]],
  ProjectNotFound: [404, "project_not_found", "No such project", () => ["There is no such project."]],
  MemberNotFound: [404, "member_not_found", "No such member", () => ["There is no such member."]],
  ChatNotFound: [404, "chat_not_found", "No such chat", () => ["There is no such chat."]],
  MessageNotFound: [404, "message_not_found", "No such message", () => ["There is no such message."]],

  BackendNotFound: [404, "backend_not_found", "No such backend", () => ["There is no such backend."]],
  OptionNotFound: [
    404,
    "option_not_found",
    "No such option, or not set",
    ({ key }) => ["Options are in /api/admin/config; only those that are stored can be removed.", { key }],
  ],
  AllowanceNotFound: [
    404,
    "allowance_not_found",
    "The member has no allowance of its own",
    () => ["What all members may is in /api/admin/config."],
  ],

  BackendExists: [
    409,
    "backend_exists",
    "The backend exists",
    ({ id }) => ["Its id was used before.", { id }],
  ],
  TaskAlreadyTaken: [
    409,
    "task_already_taken",
    "Someone holds the task",
    ({ holder }) => [`${holder} holds the task.`, { holder }],
  ],
  NotHolder: [
    409,
    "not_holder",
    "Only its holder can give a task back",
    ({ holder }) => [holder === null ? "Nobody holds the task." : `${holder} holds the task.`, { holder }],
  ],
  DependenciesOpen: [
    409,
    "dependencies_open",
    "The task waits for others",
    ({ open }) => [
      `Not done yet: ${open.map(({ key }) => key).join(", ")}.`,
      { open: open.map((one) => ({ ...one })) },
    ],
  ],
  StaleClaim: [
    409,
    "stale_claim",
    "The claim is outdated",
    ({ claim }) => [
      claim === null ? "Nobody holds the task any more." : `The claim that holds is ${claim}.`,
      { claim },
    ],
  ],
  TaskExists: [409, "task_exists", "The task exists", ({ id }) => ["Its id was used before.", { id }]],
  StepExists: [
    409,
    "step_exists",
    "The step exists",
    ({ step_id }) => ["Another step has its id.", { step_id }],
  ],
  ProjectExists: [
    409,
    "project_exists",
    "The project exists",
    ({ slug }) => [`The slug ${slug} is taken.`, { slug, field: "slug" }],
  ],
  ProjectIsArchived: [
    409,
    "project_archived",
    "The project is archived",
    ({ slug }) => [`${slug} takes no new tasks.`, { slug }],
  ],
  PrefixTaken: [
    409,
    "prefix_taken",
    "The key prefix is taken",
    ({ by }) => ["Another project has it.", { by }],
  ],
  MemberExists: [
    409,
    "member_exists",
    "The member exists",
    ({ slug }) => [`The slug ${slug} is taken.`, { slug, field: "slug" }],
  ],
  LastAdmin: [
    409,
    "last_admin",
    "The first admin stays",
    ({ slug }) => [`${slug} stays enabled and an admin, so that somebody can let others in.`, { slug }],
  ],
  DependencyCycle: [
    409,
    "dependency_cycle",
    "The dependencies would go in a circle",
    ({ cycle }) => ["Each task of `cycle` would wait for the next one.", { cycle, field: "depends_on" }],
  ],
  TokenForgotten: [
    409,
    "token_forgotten",
    "The token can't be shown again",
    () => ["The member exists, but the server's key has changed since. Ask for a new token."],
  ],
  VersionMismatch: [
    412,
    "version_mismatch",
    "The version is not the one you saw",
    ({ actual, expected }) => [`It is ${actual} by now.`, { expected, actual }],
  ],

  OptionUnfit: [
    422,
    "option_unfit",
    "The option can't have this value",
    ({ key, reason }) => [reason.slice(0, 300), { key, field: "value" }],
  ],
  TaskIsItsOwnParent: [
    422,
    "own_parent",
    "A task can't be its own parent",
    () => ["Name another task, or null.", { field: "parent_id" }],
  ],
  ParentCycle: [
    422,
    "parent_cycle",
    "A task can't lie under itself",
    () => ["The parent lies under this very task, or deeper than 100 tasks.", { field: "parent_id" }],
  ],
  KeyNeeded: [
    422,
    "key_needed",
    "The key was given for another address",
    ({ from, to }) => [
      `The key is for ${from}: to go to ${to}, send the key for it as api_key in the same request.`,
      { field: "api_key" },
    ],
  ],
  UnknownTask: [
    422,
    "unknown_task",
    "A task that is named is not there",
    ({ field, ids }) => [`${field} names tasks that are not in this project.`, { field, ids }],
  ],
  UnknownMember: [
    422,
    "unknown_member",
    "A member that is named is not there",
    ({ field, slug }) => [`${slug} is not a member, or is disabled.`, { field, slug }],
  ],
  UnknownParent: [
    422,
    "unknown_parent",
    "A reply answers a message of the same chat",
    ({ parent_id }) => ["The chat has no such message.", { field: "parent_id", parent_id }],
  ],
  LimitReached: [
    422,
    "limit_reached",
    "The list is full",
    ({ limit, what }) => [`A task has at most ${limit} ${what}.`, { what, limit }],
  ],
  KeyReused: [
    422,
    "idempotency_key_reused",
    "The key was used for another request",
    () => ["Use a new Idempotency-Key for a new request.", { field: "Idempotency-Key" }],
  ],
  RecordTooLarge: [
    422,
    "record_too_large",
    "The change is too large to be recorded",
    ({ bytes }) => [`It makes ${bytes} bytes on the log.`, { bytes }],
  ],

  TooManyClaims: [
    429,
    "too_many_claims",
    "The member holds enough",
    ({ holder, limit }) => [
      `${holder} holds ${limit} unfinished tasks: finish or give back some.`,
      { holder, limit },
      LATER,
    ],
  ],
  TooManyRequests: [
    429,
    "too_many_requests",
    "Too many requests",
    ({ limit }) => [`At most ${limit} a second.`, { limit }, SOON],
  ],
  DayIsFull: [
    429,
    "day_is_full",
    "The member has stored enough for today",
    ({ limit, wait }) => [`At most ${limit} bytes a day (UTC).`, { limit }, wait],
  ],

  LogUnavailable: [
    503,
    "log_unavailable",
    "The log can't be reached",
    ({ unknown }) =>
      unknown ? [`It may or may not have been recorded. ${again}`, {}, SOON] : [again, {}, SOON],
  ],
  Contended: [
    503,
    "contended",
    "Too many others change the same thing",
    () => [`Nothing was recorded. ${again}`, {}, SOON],
  ],
  NewerRecord: [
    503,
    "newer_record",
    "A newer program wrote it: update this node",
    ({ seq, subject }) => [
      `Record ${seq} of ${subject} is of a newer version than this node. Nothing was recorded.`,
      { seq },
      30,
    ],
  ],
  LogFull: [
    503,
    "log_full",
    "The log takes no more",
    () => ["Nothing was recorded. An operator has to make room.", {}, 30],
  ],
  LogDamaged: [
    500,
    "log_damaged",
    "The log is damaged",
    ({ seq }) => ["An operator has to look at it.", { seq }],
  ],
  KeyVaultUnavailable: [
    503,
    "key_vault_unavailable",
    "The key vault can't be reached",
    () => [`Nothing was recorded. ${again}`, {}, SOON],
  ],
  ReadModelUnavailable: [
    503,
    "read_model_unavailable",
    "The read model can't be asked",
    () => ["Commands still work.", {}, SOON],
  ],
  ReadModelBehind: [
    503,
    "read_model_behind",
    "The read model is not there yet",
    ({ reached, wanted }) => [`It has reached ${reached}.`, { wanted, reached }, SOON],
  ],
  FeedExpired: [
    410,
    "position_expired",
    "What followed this position is gone",
    ({ kept }) => [`Read the lists anew, then follow from ${kept} or later.`, { kept }],
  ],
  RequestTimedOut: [
    503,
    "request_timed_out",
    "No answer in time",
    () => [`It may or may not have been carried out. ${again}`, {}, SOON],
  ],
  TooManyWatchers: [
    503,
    "too_many_watchers",
    "Enough readers watch",
    ({ limit }) => [`At most ${limit} at a time on one node.`, { limit }, LATER],
  ],
  NotReady: [
    503,
    "not_ready",
    "Not ready",
    ({ checks }) => [
      `Not there: ${checks.flatMap(({ name, ok }) => (ok ? [] : [name])).join(", ")}.`,
      { checks: checks.map((check) => ({ ...check })) },
      SOON,
    ],
  ],
  FrameUnknown: [400, "unknown_frame", "No such frame", () => ["There is no such frame."]],
  AlreadyAuthenticated: [
    409,
    "already_authenticated",
    "The connection is authenticated",
    () => ["Only the first frame is auth."],
  ],
  TooManySubscriptions: [
    429,
    "too_many_subscriptions",
    "The connection listens to enough projects",
    ({ limit }) => [`At most ${limit} projects for one connection.`, { limit }],
  ],
  TooManyWaiting: [429, "too_many_requests", "Too many requests", ({ what }) => [`Too many ${what}.`]],
  EpochMismatch: [
    410,
    "epoch_mismatch",
    "The position is of another log",
    () => ["Read the lists anew, then follow from where the welcome says."],
  ],
  PositionAhead: [
    409,
    "position_ahead",
    "The log has not reached the position",
    () => ["Read the lists anew, then follow from where the welcome says."],
  ],
  Unexpected: [500, "internal_error", "Something went wrong", () => ["The server's log has the reason."]],
}

/** The refusal that tells any failure outside. */
export const refusalOf = (failure: Failure): Refusal => {
  const [status, code, title, told] = rows[failure._tag] as Row<Failure>
  const [detail, more = {}, retryAfter] = told(failure)
  const isUnknown = failure._tag === "LogUnavailable" && failure.unknown
  return { status, code: isUnknown ? "outcome_unknown" : code, title, detail, more, retryAfter }
}

/** A code of the table with its status and title. */
export interface RefusalCode {
  readonly code: string
  readonly status: number
  readonly title: string
}

/** The codes under which a failure may be told: one that leaves the outcome open has two. */
export const codesOf = (tag: Failure["_tag"]): ReadonlyArray<RefusalCode> => {
  const [status, code, title] = rows[tag]
  const told = { code, status, title }
  return tag === "LogUnavailable" ? [told, { ...told, code: "outcome_unknown" }] : [told]
}

/** Every code there is: for the documentation. */
export const refusalCodes: ReadonlyArray<RefusalCode> = [
  ...new Map(
    (Object.keys(rows) as ReadonlyArray<Failure["_tag"]>).flatMap(codesOf).map((row) => [row.code, row]),
  ).values(),
]
