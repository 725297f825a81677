import { Effect } from "effect"
import { system } from "../domain/Actor.ts"
import { Chat, ChatCommand } from "../domain/Chat.ts"
import { Digest } from "../domain/Digest.ts"
import { firstAdmin, Member, MemberCommand } from "../domain/Member.ts"
import { Dispatcher } from "./dispatch.ts"
import type { Envelope } from "./Envelope.ts"

const { OpenChat } = ChatCommand.cases
const { RegisterMember, RotateToken } = MemberCommand.cases

/** The chat that every member hears, by name rather than by chance: all nodes know its id. */
export const lobbyId = (digest: Digest["Service"]) => digest.uuidOf("chat:lobby")

const envelope = (digest: Digest["Service"]): Envelope => ({
  actor: system,
  commandId: `:${digest.uuid()}`,
  fingerprint: "",
  correlation: "first-start",
  causation: null,
})

/** Opens the lobby, once for ever. */
export const openLobby = Effect.fn("openLobby")(function* () {
  const digest = yield* Digest
  const id = lobbyId(digest)
  const command = OpenChat.make({ id, kind: "lobby", project_id: null, task_id: null })
  yield* (yield* Dispatcher).dispatch(Chat, id, command, envelope(digest))
})

/** The token hash of the first admin, if that one is there. */
export const adminTokenHash = Effect.fn("adminTokenHash")(function* () {
  const digest = yield* Digest
  const { state } = yield* (yield* Dispatcher).load(Member, digest.uuidOf(`member:${firstAdmin}`))
  return state._tag === "Known" ? state.token_hash : undefined
})

/**
 * Makes sure that the first admin exists and that this token opens the door. Two nodes that start
 * at once agree: the second finds the member there and makes the token its own choice.
 */
export const enrolAdmin = Effect.fn("enrolAdmin")(function* (token_hash: string) {
  const digest = yield* Digest
  const dispatcher = yield* Dispatcher
  const id = digest.uuidOf(`member:${firstAdmin}`)
  const register = RegisterMember.make({
    id,
    name: "Admin",
    slug: firstAdmin,
    type: "human",
    role: "admin",
    capabilities: [],
    chat_listen: "all",
    task_listen: "all",
    prompt: null,
    model: null,
    token_hash,
  })
  yield* dispatcher
    .dispatch(Member, id, register, envelope(digest))
    .pipe(
      Effect.catchTag("MemberExists", () =>
        dispatcher.dispatch(Member, id, RotateToken.make({ token_hash }), envelope(digest)),
      ),
    )
})
