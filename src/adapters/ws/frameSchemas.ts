import { Schema } from "effect"
import { Seq, Uuid } from "../../domain/Ids.ts"
import { MessageBody } from "../../operations/bodies.ts"
import { WelcomeBody } from "../../operations/presence.ts"

// What a server answers on a WebSocket, beside the frames of the feed: the shapes that serverFrames.ts writes.

const id = { id: Schema.optionalKey(Schema.Union([Schema.String, Schema.Finite])) }

export const answerFrames = {
  AuthOk: Schema.Struct({ type: Schema.Literal("auth.ok"), ...id, data: WelcomeBody }),
  AuthError: Schema.Struct({ type: Schema.Literal("auth.error"), ...id, message: Schema.String }),
  ResumeFailed: Schema.Struct({
    type: Schema.Literal("resume.failed"),
    ...id,
    code: Schema.Literals(["epoch_mismatch", "position_ahead", "position_expired"]),
    data: WelcomeBody,
  }),
  HeartbeatOk: Schema.Struct({ type: Schema.Literal("heartbeat.ok"), ...id, seq: Seq }),
  Subscribed: Schema.Struct({
    type: Schema.Literals(["project.subscribed", "project.unsubscribed"]),
    ...id,
    project_id: Uuid,
    seq: Seq,
  }),
  ChatSent: Schema.Struct({ type: Schema.Literal("chat.sent"), ...id, position: Seq, data: MessageBody }),
  ErrorFrame: Schema.Struct({
    type: Schema.Literal("error"),
    ...id,
    code: Schema.String,
    message: Schema.String,
    ref: Schema.optionalKey(Schema.String),
    data: Schema.optionalKey(Schema.Record(Schema.String, Schema.Json)),
  }),
} as const
