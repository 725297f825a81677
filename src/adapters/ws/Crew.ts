import type { Effect } from "effect"
import type { Chats } from "../../commands/Chats.ts"
import type { Dispatcher } from "../../commands/dispatch.ts"
import type { Heartbeats } from "../../commands/Heartbeats.ts"
import type { Limits } from "../../commands/Limits.ts"
import type { Tokens } from "../../commands/Tokens.ts"
import type { Digest } from "../../domain/Digest.ts"
import type { EventLog } from "../../domain/EventLog.ts"
import type { ReadModel } from "../../projections/ReadModel.ts"
import type { Roster, RosterMember } from "../../projections/Roster.ts"
import type { Hub } from "./Hub.ts"
import type { Session } from "./Session.ts"

/** What all sessions of a node share. */
export interface Crew {
  readonly chats: Chats["Service"]
  readonly digest: Digest["Service"]
  readonly dispatcher: Dispatcher["Service"]
  /** Which log this is. */
  readonly epoch: string
  readonly heartbeats: Heartbeats["Service"]
  readonly hub: Hub
  readonly limits: Limits["Service"]
  readonly lobby: string
  readonly log: EventLog["Service"]
  readonly readModel: ReadModel["Service"]
  readonly roster: Roster["Service"]
  readonly tokens: Tokens["Service"]
  /** Starts something that ends with the server at the latest. */
  readonly run: (effect: Effect.Effect<void>) => void
  /** Whether the member may have one more connection; if so it counts from now on. */
  readonly enter: (session: Session) => boolean
}

/** Whose token this is, if it still counts and its member may act. */
export const holderOf = ({ roster }: Crew, token_hash: string): RosterMember | undefined => {
  const member = roster.byToken(token_hash)
  return member?.is_enabled === true && member.token_hash === token_hash ? member : undefined
}
