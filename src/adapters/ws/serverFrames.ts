import type { Frame, Welcome } from "../../projections/ReadModel.ts"
import { frameText } from "../../operations/frames.ts"
import type { FrameId, FrameProblem } from "./problems.ts"
import { textFrame } from "./textFrame.ts"

type Id = { readonly id?: FrameId | undefined }

/** A row of the feed as bytes. */
export const pushed = (frame: Frame): Buffer => textFrame(frameText(frame))

/** The content of `auth.ok` and `resume.failed`; `seq` is the position that the connection starts at. */
export interface Greeting extends Welcome {
  readonly slug: string
  readonly lobby_chat_id: string
  readonly seq: number
  readonly epoch: string
}

const json = (frame: object): Buffer => textFrame(JSON.stringify(frame))

export const authOk = (data: Greeting, id: Id) => json({ type: "auth.ok", ...id, data })
export const authError = (message: string, id: Id) => json({ type: "auth.error", ...id, message })
export const resumeFailed = (code: string, data: Greeting, id: Id) =>
  json({ type: "resume.failed", ...id, code, data })

/** `seq`: everything up to there that this connection was to see has been sent on it. */
export const heartbeatOk = (seq: number, id: Id) => json({ type: "heartbeat.ok", ...id, seq })
export const subscribed = (
  type: "project.subscribed" | "project.unsubscribed",
  project_id: string,
  seq: number,
  id: Id,
) => json({ type, ...id, project_id, seq })

/** `position` is where the message stands on the log. Not `seq`: that would be mistaken for what has been received. */
export const chatSent = (data: object | undefined, position: number, id: Id) =>
  json({ type: "chat.sent", ...id, position, data })

export const error = (problem: FrameProblem) => json({ type: "error", ...problem })
