import { Result, Schema } from "effect"
import { system } from "./Actor.ts"
import type { Aggregate } from "./Aggregate.ts"
import { differing } from "./differing.ts"
import { Instant, Slug, Uuid } from "./Ids.ts"
import { Body, Line, Title } from "./Text.ts"

export const MemberName = Title(200)
export const MemberType = Schema.Literals(["agent", "human"])
export const MemberRole = Schema.Literals(["admin", "member"])
export const Capabilities = Schema.Array(Line(100)).check(Schema.isMaxLength(50))
/** The messages of subscribed projects that are pushed to a member. */
export const ChatListen = Schema.Literals(["all", "mentions", "none"])
/** The task events of subscribed projects that are pushed to a member. */
export const TaskListen = Schema.Literals(["all", "assigned", "none"])
export const Prompt = Schema.NullOr(Body)
export const Model = Schema.NullOr(Line(200))
/** SHA-256 of a token; the token itself never gets here. */
const TokenHash = Schema.String.check(Schema.isPattern(/^[0-9a-f]{64}$/))

/** The member that exists from the start and can always let others in. */
export const firstAdmin = "admin"

const configuration = {
  name: MemberName,
  role: MemberRole,
  capabilities: Capabilities,
  chat_listen: ChatListen,
  task_listen: TaskListen,
  prompt: Prompt,
  model: Model,
}
const changeable = {
  name: Schema.optionalKey(MemberName),
  role: Schema.optionalKey(MemberRole),
  capabilities: Schema.optionalKey(Capabilities),
  chat_listen: Schema.optionalKey(ChatListen),
  task_listen: Schema.optionalKey(TaskListen),
  prompt: Schema.optionalKey(Prompt),
  model: Schema.optionalKey(Model),
}
const registration = { id: Uuid, slug: Slug, type: MemberType, ...configuration, token_hash: TokenHash }

// Tags and fields are the storage format: add fields with a default, never rename or remove.
export const MemberEvent = Schema.TaggedUnion({
  MemberRegistered: { v: Schema.tag(1), ...registration },
  MemberConfigured: { v: Schema.tag(1), changes: Schema.Struct(changeable) },
  MemberEnabled: { v: Schema.tag(1) },
  MemberDisabled: { v: Schema.tag(1) },
  TokenRotated: { v: Schema.tag(1), token_hash: TokenHash },
})
export type MemberEvent = typeof MemberEvent.Type

export const MemberCommand = Schema.TaggedUnion({
  RegisterMember: registration,
  ConfigureMember: { ...changeable, is_enabled: Schema.optionalKey(Schema.Boolean) },
  RotateToken: { token_hash: TokenHash },
})
export type MemberCommand = typeof MemberCommand.Type

export class MemberNotFound extends Schema.TaggedError<MemberNotFound>()("MemberNotFound", {}) {}
export class MemberExists extends Schema.TaggedError<MemberExists>()("MemberExists", { slug: Slug }) {}
/** The first admin stays enabled and an admin: else nobody could undo it. */
export class LastAdmin extends Schema.TaggedError<LastAdmin>()("LastAdmin", { slug: Slug }) {}
export type MemberRefusal = MemberNotFound | MemberExists | LastAdmin

// The storage format of snapshots, and the read model's row.
export const MemberState = Schema.TaggedUnion({
  Absent: {},
  Known: { ...registration, is_enabled: Schema.Boolean, created_at: Instant, updated_at: Instant },
})
export type MemberState = typeof MemberState.Type
type Known = Extract<MemberState, { readonly _tag: "Known" }>

type Decision = Result.Result<ReadonlyArray<MemberEvent>, MemberRefusal>
const nothing: Decision = Result.succeed([])
const record = (...events: ReadonlyArray<MemberEvent>): Decision => Result.succeed(events)
const refuse = (refusal: MemberRefusal): Decision => Result.fail(refusal)

type Command<Tag> = Extract<MemberCommand, { readonly _tag: Tag }>

/** A registration; the slug that the log has for Crewlog itself is refused. */
const register = ({ _tag, ...registration }: Command<"RegisterMember">): Decision =>
  registration.slug === system.slug
    ? refuse(new MemberExists({ slug: registration.slug }))
    : record({ _tag: "MemberRegistered", v: 1, ...registration })

const configure = (command: Command<"ConfigureMember">, member: Known): Decision => {
  const { _tag, is_enabled = member.is_enabled, ...wanted } = command
  if (member.slug === firstAdmin && (!is_enabled || (wanted.role ?? "admin") !== "admin")) {
    return refuse(new LastAdmin({ slug: member.slug }))
  }
  const changes = differing(wanted, member)
  return record(
    ...(changes === undefined ? [] : [{ _tag: "MemberConfigured", v: 1, changes } as const]),
    ...(is_enabled === member.is_enabled
      ? []
      : [{ _tag: is_enabled ? "MemberEnabled" : "MemberDisabled", v: 1 } as const]),
  )
}

/** A person or an agent: configuration, whether it may act, and the hash of its token. */
export const Member: Aggregate<MemberState, MemberCommand, MemberEvent, MemberRefusal> = {
  type: "member",
  events: MemberEvent,
  state: MemberState,
  initial: { _tag: "Absent" },

  evolve: (state, event, { at }): MemberState => {
    if (event._tag === "MemberRegistered") {
      const { _tag, v: _v, ...registration } = event
      return { _tag: "Known", ...registration, is_enabled: true, created_at: at, updated_at: at }
    }
    if (state._tag === "Absent") return state
    const member = { ...state, updated_at: at }
    switch (event._tag) {
      case "MemberConfigured":
        return { ...member, ...event.changes }
      case "MemberEnabled":
        return { ...member, is_enabled: true }
      case "MemberDisabled":
        return { ...member, is_enabled: false }
      case "TokenRotated":
        return { ...member, token_hash: event.token_hash }
    }
  },

  decide: (command, state) => {
    if (state._tag === "Absent") {
      return command._tag === "RegisterMember" ? register(command) : refuse(new MemberNotFound())
    }
    return MemberCommand.match(command, {
      RegisterMember: () => refuse(new MemberExists({ slug: state.slug })),
      ConfigureMember: (command) => configure(command, state),
      RotateToken: ({ token_hash }) =>
        token_hash === state.token_hash ? nothing : record({ _tag: "TokenRotated", v: 1, token_hash }),
    })
  },
}
