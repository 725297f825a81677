import type { User } from "@nats-io/jwt"
import type { RosterMember } from "../../projections/Roster.ts"

/** The NATS account of everybody who logs in with a member's token: apart from the one that holds the log. */
export const AGENTS = "AGENTS"

/**
 * The name that a connection has with the server: whose it is and by which token, so that one that came
 * in by an old token is known. 128 bits of the token's hash, which nobody can make a token from.
 */
export const userOf = ({ slug, token_hash }: Pick<RosterMember, "slug" | "token_hash">): string =>
  `${slug}.${token_hash.slice(0, 32)}`

/** The owner of the connection; undefined for one that no member's token opened. */
export const slugOf = (user: string): string | undefined =>
  /^([a-z0-9-]{1,50})\.[0-9a-f]{32}$/.exec(user)?.[1]

/** Subjects at which an agent may ask how the service is (ADR-32), beside its own commands. */
const discovery = ["PING", "INFO", "STATS"].flatMap((verb) => [
  `$SRV.${verb}`,
  `$SRV.${verb}.crewlog`,
  `$SRV.${verb}.crewlog.*`,
])

/** All that a member may do on NATS: give its own commands, hear its own answers and what is live. */
export const permissionsOf = (slug: string): Partial<User> => ({
  pub: { allow: [`crew.cmd.${slug}.>`, ...discovery] },
  sub: { allow: [`_INBOX_${slug}.>`, "crew.live.>"] },
})
