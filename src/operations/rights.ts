import { type Actor, isAdmin } from "../domain/Actor.ts"
import { AdminsOnly, NotYourself } from "./EdgeRefusal.ts"

/** The right to use an operation: asked once for all doors, and told in every document. */
export interface Right<Input> {
  /** `holder` and `creator` are judged by the aggregate itself, which alone knows them. */
  readonly name: "anyone" | "oneself" | "oneself, rights by admins" | "admins" | "holder" | "creator"
  /** The rule as documents tell it. */
  readonly says: string
  /** Fields of the input that were left out and mean the caller. */
  fill?(input: Input, actor: Actor): object
  refusal(input: Input, actor: Actor): AdminsOnly | NotYourself | undefined
  /** The same, where it needs no input: asked before a body is read. */
  beforehand?(actor: Actor): AdminsOnly | undefined
}

interface ActingFor {
  readonly slug?: string | undefined
}

const open = () => undefined

export const anyone: Right<unknown> = { name: "anyone", says: "Any member.", refusal: open }

/** A task that is held is moved by its holder, people and admins; what nobody holds is anyone's. */
export const holder: Right<unknown> = {
  name: "holder",
  says: "Any member; a task that is held gets another holder, or none, only by its holder, people and admins.",
  refusal: open,
}

export const creator: Right<unknown> = {
  name: "creator",
  says: "Whoever created the task, people and admins.",
  refusal: open,
}

export const admins = (what: string): Right<unknown> => {
  const beforehand = (actor: Actor) => (isAdmin(actor) ? undefined : new AdminsOnly({ what }))
  return { name: "admins", says: "Admins.", beforehand, refusal: (_, actor) => beforehand(actor) }
}

const notYourself = ({ slug }: ActingFor, actor: Actor) =>
  slug === undefined || slug === actor.slug || isAdmin(actor) ? undefined : new NotYourself({ slug })

/** A member acts as itself, an admin as anyone (tracker.md); `slug` left out is the caller's own. */
export const oneself: Right<ActingFor> = {
  name: "oneself",
  says: "A member for itself; admins for anyone.",
  fill: (input, { slug }) => (input.slug === undefined ? { slug } : {}),
  refusal: notYourself,
}

interface Changing extends ActingFor {
  readonly role?: unknown
  readonly is_enabled?: unknown
}

const changesRights = "change who is an admin, or enabled"

/** The rights that a change would bring: one's own, sent back as they were read, are no change. */
const isOfRights = ({ is_enabled, role, slug }: Changing, actor: Actor) =>
  slug === actor.slug
    ? (role !== undefined && role !== actor.role) || is_enabled === false
    : role !== undefined || is_enabled !== undefined

/** A member configures itself; who is an admin, and who may act at all, is for admins. */
export const oneselfRightsByAdmins: Right<Changing> = {
  name: "oneself, rights by admins",
  says: "A member for itself; admins for anyone. `role` and `is_enabled` are for admins.",
  refusal: (input, actor) =>
    isOfRights(input, actor) && !isAdmin(actor)
      ? new AdminsOnly({ what: changesRights })
      : notYourself(input, actor),
}
