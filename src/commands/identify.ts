import type { Digest } from "../domain/Digest.ts"
import { isChosen } from "../domain/Ids.ts"
import type { Envelope } from "./Envelope.ts"

/** A project's id is its slug's, a member's likewise: who knows the name knows the id. */
export const projectId = (digest: Digest["Service"], slug: string) => digest.uuidOf(`project:${slug}`)
export const memberId = (digest: Digest["Service"], slug: string) => digest.uuidOf(`member:${slug}`)
export const projectChatId = (digest: Digest["Service"], slug: string) =>
  digest.uuidOf(`chat:project:${slug}`)

/**
 * The id of what a command makes. When the client chose the command's id, a repeat makes the same
 * thing: the id derives from it, and from `within` where several aggregates may see the same key.
 */
export const idOfNew = (digest: Digest["Service"], kind: string, { commandId }: Envelope, within = "") =>
  isChosen(commandId)
    ? digest.uuidOf(`${kind}:${within}${within === "" ? "" : ":"}${commandId}`)
    : digest.uuid()
