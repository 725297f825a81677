import { Schema } from "effect"
import { Slug } from "./Ids.ts"
import { Title } from "./Text.ts"

/**
 * The giver of a command, taken from the token and never from what was sent. `system` is Crewlog itself
 * (first start, deadlines).
 */
export const Actor = Schema.Struct({
  slug: Slug,
  name: Title(200),
  type: Schema.Literals(["agent", "human", "system"]),
  role: Schema.Literals(["admin", "member"]),
})
export type Actor = typeof Actor.Type

export const system: Actor = { slug: "crewlog", name: "Crewlog", type: "system", role: "admin" }

/** Admins may do all; people may settle what agents may not (tracker.md). */
export const isAdmin = (actor: Actor) => actor.role === "admin"
export const isPersonOrAdmin = (actor: Actor) => actor.type === "human" || isAdmin(actor)
