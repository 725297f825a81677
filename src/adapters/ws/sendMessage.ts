import { Effect } from "effect"
import type { Place } from "../../commands/Chats.ts"
import type { Envelope } from "../../commands/Envelope.ts"
import { InvalidInput, NotAuthenticated } from "../EdgeRefusal.ts"
import type { Failure } from "../refusals.ts"
import type { FrameOf } from "./clientFrames.ts"
import { type Crew, holderOf } from "./Crew.ts"
import { problemOf } from "./problems.ts"
import * as serverFrames from "./serverFrames.ts"

/** Posts what a member says under its token, and gives the frame that answers it. */
export const sendMessage = (
  crew: Crew,
  token_hash: string,
  frame: FrameOf<"chat.send">,
): Effect.Effect<Buffer> =>
  post(crew, token_hash, frame).pipe(
    Effect.withSpan("WebSocket.sendMessage"),
    Effect.catchCause((cause) => Effect.map(problemOf(cause, frame), serverFrames.error)),
  )

const post = Effect.fnUntraced(function* (
  crew: Crew,
  token_hash: string,
  frame: FrameOf<"chat.send">,
): Effect.fn.Return<Buffer, Failure> {
  const { chats, digest, limits } = crew
  const member = holderOf(crew, token_hash)
  if (member === undefined) return yield* new NotAuthenticated({ sent: true })
  const place = placeOf(frame)
  if (place === undefined) {
    return yield* new InvalidInput({ errors: [{ field: "chat_id", message: "Either chat_id or task_id" }] })
  }
  yield* limits.mayStore(member.id)
  const { content, idempotency_key, mentions = [], parent_id = null } = frame
  const { name, role, slug, type } = member
  const envelope: Envelope = {
    actor: { slug, name, type, role },
    commandId: idempotency_key === undefined ? `:${digest.uuid()}` : `${slug}:${idempotency_key}`,
    fingerprint: digest.sha256(JSON.stringify([place, content, mentions, parent_id])).slice(0, 16),
    correlation: digest.uuid(),
    causation: null,
  }
  const { message, outcome } = yield* chats.post(place, { content, mentions, parent_id }, envelope)
  if (outcome.recorded) yield* limits.stored(member.id, Buffer.byteLength(content))
  return serverFrames.chatSent(message, outcome.seq, { id: frame.id })
})

const placeOf = ({ chat_id = null, task_id = null }: FrameOf<"chat.send">): Place | undefined => {
  if (chat_id !== null) return task_id === null ? { chat_id } : undefined
  return task_id === null ? undefined : { task_id }
}
