import { Schema } from "effect"
import { Seq, Slug, Uuid } from "../../domain/Ids.ts"
import { ProjectName } from "../../domain/Project.ts"
import { MessageBody } from "../http/bodies.ts"

// What a server answers on a WebSocket, beside the frames of the feed: the shapes that serverFrames.ts writes.

const id = { id: Schema.optionalKey(Schema.Union([Schema.String, Schema.Finite])) }

const Greeting = Schema.Struct({
  slug: Slug,
  lobby_chat_id: Uuid,
  projects: Schema.Array(Schema.Struct({ id: Uuid, slug: Slug, name: ProjectName })),
  online: Schema.Array(Slug),
  seq: Seq,
  epoch: Schema.String,
}).annotate({ identifier: "Greeting" })

export const answerFrames = {
  AuthOk: Schema.Struct({ type: Schema.Literal("auth.ok"), ...id, data: Greeting }),
  AuthError: Schema.Struct({ type: Schema.Literal("auth.error"), ...id, message: Schema.String }),
  ResumeFailed: Schema.Struct({
    type: Schema.Literal("resume.failed"),
    ...id,
    code: Schema.Literals(["epoch_mismatch", "position_ahead", "position_expired"]),
    data: Greeting,
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
