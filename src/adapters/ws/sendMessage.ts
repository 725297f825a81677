import { Effect } from "effect"
import { hash } from "node:crypto"
import type { Failure } from "../../operations/refusals.ts"
import { askedBy } from "./askedBy.ts"
import type { FrameOf } from "./clientFrames.ts"
import type { Crew } from "./Crew.ts"
import { problemOf } from "./problems.ts"
import * as serverFrames from "./serverFrames.ts"

/** The fingerprint that this door took in Crewlog 0.1. */
const olderFingerprint = ({ chat_id, content, mentions, parent_id, task_id }: Said) => {
  const place = chat_id === null ? { task_id } : { chat_id }
  return hash("sha256", JSON.stringify([place, content, mentions, parent_id])).slice(0, 16)
}

type Said = ReturnType<typeof saidIn>
const saidIn = ({
  chat_id = null,
  content,
  mentions = [],
  parent_id = null,
  task_id = null,
}: FrameOf<"chat.send">) => ({ chat_id, content, mentions, parent_id, task_id })

const post = Effect.fnUntraced(function* (
  { entrance, say, uuid }: Crew,
  token_hash: string,
  frame: FrameOf<"chat.send">,
): Effect.fn.Return<Buffer, Failure> {
  const member = yield* Effect.fromResult(entrance.byTokenHash(token_hash))
  yield* entrance.mayStore(member)
  const said = saidIn(frame)
  const { body, seq } = yield* say(said, {
    ...askedBy(member, uuid(), ""),
    key: frame.idempotency_key,
    bytes: Buffer.byteLength(said.content),
    olderFingerprint: () => olderFingerprint(said),
  })
  return serverFrames.chatSent(body, seq, { id: frame.id })
})

/** Posts a message of a member under its token, and gives the frame that answers it. */
export const sendMessage = (
  crew: Crew,
  token_hash: string,
  frame: FrameOf<"chat.send">,
): Effect.Effect<Buffer> =>
  post(crew, token_hash, frame).pipe(
    Effect.withSpan("WebSocket.sendMessage"),
    Effect.catchCause((cause) => Effect.map(problemOf(cause, frame), serverFrames.error)),
  )
