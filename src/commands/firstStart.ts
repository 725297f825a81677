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

const adminId = (digest: Digest["Service"]) => digest.uuidOf(`member:${firstAdmin}`)

/** The hash of the token that the first admin has now; undefined while there is no such member. */
export const adminTokenHash = Effect.fn("adminTokenHash")(function* () {
  const { state } = yield* (yield* Dispatcher).load(Member, adminId(yield* Digest))
  return state._tag === "Known" ? state.token_hash : undefined
})

/**
 * Makes sure that the first admin exists, with this token where nobody has made it yet. Of two nodes that start at
 * once the second finds the member there and leaves it as it is.
 */
export const enrolAdmin = Effect.fn("enrolAdmin")(function* (token_hash: string) {
  const digest = yield* Digest
  const id = adminId(digest)
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
  yield* (yield* Dispatcher)
    .dispatch(Member, id, register, envelope(digest))
    .pipe(Effect.catchTag("MemberExists", () => Effect.void))
})

/** Gives the first admin another token, without one: for whoever may write to the log. Refused while there is no such member. */
export const resetAdminToken = Effect.fn("resetAdminToken")(function* (token_hash: string) {
  const digest = yield* Digest
  const command = RotateToken.make({ token_hash })
  yield* (yield* Dispatcher).dispatch(Member, adminId(digest), command, envelope(digest))
})
