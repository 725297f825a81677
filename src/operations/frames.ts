import { Schema } from "effect"
import { MessageContent, Mentions } from "../domain/Chat.ts"
import { Instant, Seq, Slug, Uuid } from "../domain/Ids.ts"
import { MemberName, MemberType } from "../domain/Member.ts"
import { PresenceStatus } from "../domain/Presence.ts"
import { TaskStatus, TaskTitle } from "../domain/Task.ts"
import type { Frame } from "../projections/ReadModel.ts"

// What is pushed, on WebSocket and NATS alike, and read again from the feed (tracker.md).

/** Frames of one record share its `seq` and are told apart by `idx`, which is left out when it is 0. */
const place = { seq: Seq, idx: Schema.optionalKey(Seq) }

const MessageFrame = Schema.Struct({
  type: Schema.Literal("message.new"),
  ...place,
  data: Schema.Struct({
    id: Uuid,
    chat_id: Schema.NullOr(Uuid),
    task_id: Schema.NullOr(Uuid),
    author_type: MemberType,
    author_slug: Slug,
    author_name: MemberName,
    content: MessageContent,
    mentions: Mentions,
    created_at: Instant,
  }),
}).annotate({ identifier: "MessageFrame" })

const TaskFrame = Schema.Struct({
  type: Schema.Literals(["task.created", "task.updated", "task.assigned", "task.deleted"]),
  ...place,
  data: Schema.Struct({
    id: Uuid,
    key: Schema.String,
    title: TaskTitle,
    status: TaskStatus,
    assignee_slug: Schema.NullOr(Slug),
    project_id: Uuid,
  }),
}).annotate({ identifier: "TaskFrame" })

const StatusFrame = Schema.Struct({
  type: Schema.Literal("agent.status"),
  ...place,
  data: Schema.Struct({ slug: Slug, status: PresenceStatus }),
}).annotate({ identifier: "StatusFrame" })

/** The frames of the feed by what they tell of. */
export const feedFrames = { MessageFrame, TaskFrame, StatusFrame }

/** Any frame of the feed. */
export const FrameBody = Schema.Union(Object.values(feedFrames)).annotate({ identifier: "Frame" })

/** A row of the feed as everybody is told of it. */
export const frameOf = ({ idx, kind, payload, seq }: Frame) => ({
  type: kind,
  seq,
  ...(idx === 0 ? {} : { idx }),
  data: payload,
})

export const frameText = (frame: Frame): string => JSON.stringify(frameOf(frame))
