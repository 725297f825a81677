import { Option, Result, Schema } from "effect"
import { MessageContent, Mentions } from "../../domain/Chat.ts"
import { Seq, Uuid } from "../../domain/Ids.ts"
import { ReportedStatus } from "../../domain/Presence.ts"
import { Line } from "../../domain/Text.ts"
import { FrameUnknown, MalformedJson } from "../../operations/EdgeRefusal.ts"
import { unfitBody } from "../../operations/faults.ts"
import { type Asked, type FrameProblem, problem } from "./problems.ts"

/** The most projects that one connection may listen to. */
export const SUBSCRIPTIONS = 128

const FrameId = Schema.Union([Line(128), Schema.Finite])
const isFrameId = Schema.is(FrameId)
const answered = { id: Schema.optionalKey(FrameId) }
/** As the `Idempotency-Key` header of REST. */
const IdempotencyKey = Schema.String.check(Schema.isPattern(/^[\x21-\x7e]{1,200}$/))

/** Everything that a client may send (tracker.md). Fields that are not named here are ignored. */
export const ClientFrame = Schema.Union([
  Schema.Struct({
    type: Schema.tag("auth"),
    ...answered,
    token: Line(512),
    projects: Schema.optionalKey(Schema.Array(Uuid).check(Schema.isMaxLength(SUBSCRIPTIONS))),
    /** The last `seq` that was received, of the log that `epoch` names; `idx` tells frames of one `seq` apart. */
    resume: Schema.optionalKey(Seq),
    idx: Schema.optionalKey(Seq),
    epoch: Schema.optionalKey(Line(128)),
  }),
  Schema.Struct({ type: Schema.tag("heartbeat"), ...answered, status: ReportedStatus }),
  Schema.Struct({ type: Schema.tag("project.subscribe"), ...answered, project_id: Uuid }),
  Schema.Struct({ type: Schema.tag("project.unsubscribe"), ...answered, project_id: Uuid }),
  Schema.Struct({
    type: Schema.tag("chat.send"),
    ...answered,
    chat_id: Schema.optionalKey(Schema.NullOr(Uuid)),
    task_id: Schema.optionalKey(Schema.NullOr(Uuid)),
    parent_id: Schema.optionalKey(Schema.NullOr(Uuid)),
    content: MessageContent,
    mentions: Schema.optionalKey(Mentions),
    idempotency_key: Schema.optionalKey(IdempotencyKey),
  }),
  Schema.Struct({ type: Schema.tag("ack"), ...answered }),
])
export type ClientFrame = typeof ClientFrame.Type
export type FrameOf<Type> = Extract<ClientFrame, { readonly type: Type }>

const types = new Set<string>([
  "auth",
  "heartbeat",
  "project.subscribe",
  "project.unsubscribe",
  "chat.send",
  "ack",
])
const decode = Schema.decodeUnknownResult(ClientFrame, { errors: "all" })
const parse = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Unknown))

/** The frame that a client sent, or the error frame that it gets instead. Never throws. */
export const readFrame = (text: string): Result.Result<ClientFrame, FrameProblem> => {
  const json = Option.getOrUndefined(parse(text))
  if (typeof json !== "object" || json === null || !("type" in json) || typeof json.type !== "string") {
    return Result.fail(problem(new MalformedJson({ reason: "A frame is a JSON object with a type." })))
  }
  const asked: Asked = {
    type: json.type.slice(0, 64).toWellFormed(),
    id: "id" in json && isFrameId(json.id) ? json.id : undefined,
  }
  if (!types.has(json.type)) {
    return Result.fail(problem(new FrameUnknown(), asked))
  }
  return Result.mapError(decode(json), ({ issue }) => problem(unfitBody(issue), asked))
}
