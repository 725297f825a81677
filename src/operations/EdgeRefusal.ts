import { Schema } from "effect"
import { Seq, Slug } from "../domain/Ids.ts"

// What the edge itself refuses, before or beside any command: REST, NATS and WebSocket alike.

/** No token, or none of a member's. */
export class NotAuthenticated extends Schema.TaggedError<NotAuthenticated>()("NotAuthenticated", {
  /** True if a token was sent at all. */
  sent: Schema.Boolean,
}) {}
/** The token's member may do nothing until an admin enables it. */
export class MemberIsDisabled extends Schema.TaggedError<MemberIsDisabled>()("MemberIsDisabled", {}) {}
/** A member acts only as itself; an admin as anyone (tracker.md). */
export class NotYourself extends Schema.TaggedError<NotYourself>()("NotYourself", { slug: Slug }) {}
/** Only admins may. */
export class AdminsOnly extends Schema.TaggedError<AdminsOnly>()("AdminsOnly", { what: Schema.String }) {}

/** The page of somebody else made a browser send it. */
export class ForeignPage extends Schema.TaggedError<ForeignPage>()("ForeignPage", {}) {}

/** A thing that is wrong with what was sent. */
export const Fault = Schema.Struct({ field: Schema.String, message: Schema.String })
export type Fault = typeof Fault.Type

/** A path, query parameter or header that can't be read. */
export class BadParameter extends Schema.TaggedError<BadParameter>()("BadParameter", {
  errors: Schema.NonEmptyArray(Fault),
}) {}
/** A body that is JSON, but not what the route takes. */
export class InvalidInput extends Schema.TaggedError<InvalidInput>()("InvalidInput", {
  errors: Schema.NonEmptyArray(Fault),
}) {}
/** Fields that the operation does not have; each message names the nearest one that it has. */
export class UnknownField extends Schema.TaggedError<UnknownField>()("UnknownField", {
  errors: Schema.NonEmptyArray(Fault),
}) {}
/** The answer is larger than a message on NATS may be. */
export class AnswerTooLarge extends Schema.TaggedError<AnswerTooLarge>()("AnswerTooLarge", {
  limit: Schema.Int,
}) {}
/** Not JSON, not UTF-8, or deeper than 32. */
export class MalformedJson extends Schema.TaggedError<MalformedJson>()("MalformedJson", {
  reason: Schema.String,
}) {}
export class BodyTooLarge extends Schema.TaggedError<BodyTooLarge>()("BodyTooLarge", {
  limit: Schema.Int,
}) {}
export class UnsupportedContentType extends Schema.TaggedError<UnsupportedContentType>()(
  "UnsupportedContentType",
  { sent: Schema.String },
) {}

export class RouteNotFound extends Schema.TaggedError<RouteNotFound>()("RouteNotFound", {}) {}
export class MethodNotAllowed extends Schema.TaggedError<MethodNotAllowed>()("MethodNotAllowed", {
  allow: Schema.Array(Schema.String),
}) {}
export class MessageNotFound extends Schema.TaggedError<MessageNotFound>()("MessageNotFound", {}) {}

/** The read model has not reached the position that the reader asked for. */
export class ReadModelBehind extends Schema.TaggedError<ReadModelBehind>()("ReadModelBehind", {
  wanted: Seq,
  reached: Seq,
}) {}
/** Frames up to this position are gone: what came after an earlier one can't be told without a gap. */
export class FeedExpired extends Schema.TaggedError<FeedExpired>()("FeedExpired", { kept: Seq }) {}
/** The bytes on the connection are no HTTP request that could be answered otherwise. */
export class NotHttp extends Schema.TaggedError<NotHttp>()("NotHttp", {}) {}
export class HeadersTooLarge extends Schema.TaggedError<HeadersTooLarge>()("HeadersTooLarge", {}) {}
/** The request did not arrive in time. */
export class RequestTooSlow extends Schema.TaggedError<RequestTooSlow>()("RequestTooSlow", {}) {}
/** No answer within the time a request may take. A command may still be carried out. */
export class RequestTimedOut extends Schema.TaggedError<RequestTimedOut>()("RequestTimedOut", {}) {}
/** So many watch already that one more would cost too much. */
export class TooManyWatchers extends Schema.TaggedError<TooManyWatchers>()("TooManyWatchers", {
  limit: Schema.Int,
}) {}
/** Something that the program needs is not there (yet). */
export class NotReady extends Schema.TaggedError<NotReady>()("NotReady", {
  checks: Schema.Array(Schema.Struct({ name: Schema.String, ok: Schema.Boolean, detail: Schema.String })),
}) {}
/** There is no frame of this type. */
export class FrameUnknown extends Schema.TaggedError<FrameUnknown>()("FrameUnknown", {}) {}
/** The first frame of a connection, and no other, is `auth`. */
export class AlreadyAuthenticated extends Schema.TaggedError<AlreadyAuthenticated>()(
  "AlreadyAuthenticated",
  {},
) {}
/** The refusal of a connection that listens to enough projects. */
export class TooManySubscriptions extends Schema.TaggedError<TooManySubscriptions>()("TooManySubscriptions", {
  limit: Schema.Int,
}) {}
/** So much of one connection waits already that no more is taken. */
export class TooManyWaiting extends Schema.TaggedError<TooManyWaiting>()("TooManyWaiting", {
  what: Schema.String,
}) {}
/** A resume names another log. */
export class EpochMismatch extends Schema.TaggedError<EpochMismatch>()("EpochMismatch", {}) {}
/** A resume names a position that the log has not reached. */
export class PositionAhead extends Schema.TaggedError<PositionAhead>()("PositionAhead", {}) {}
/** A defect: the cause is in our log, not in the answer. */
export class Unexpected extends Schema.TaggedError<Unexpected>()("Unexpected", {}) {}

export type EdgeRefusal =
  | NotAuthenticated
  | MemberIsDisabled
  | NotYourself
  | AdminsOnly
  | ForeignPage
  | BadParameter
  | InvalidInput
  | UnknownField
  | AnswerTooLarge
  | MalformedJson
  | BodyTooLarge
  | UnsupportedContentType
  | RouteNotFound
  | MethodNotAllowed
  | MessageNotFound
  | ReadModelBehind
  | FeedExpired
  | NotHttp
  | HeadersTooLarge
  | RequestTooSlow
  | RequestTimedOut
  | TooManyWatchers
  | NotReady
  | FrameUnknown
  | AlreadyAuthenticated
  | TooManySubscriptions
  | TooManyWaiting
  | EpochMismatch
  | PositionAhead
  | Unexpected
