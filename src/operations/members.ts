import { Effect, Schema } from "effect"
import type { Outcome } from "../commands/dispatch.ts"
import { memberId } from "../commands/identify.ts"
import { Members } from "../commands/Members.ts"
import { Settings } from "../config.ts"
import { isAdmin } from "../domain/Actor.ts"
import { Slug } from "../domain/Ids.ts"
import { Member, type MemberEvent, MemberNotFound, type MemberState } from "../domain/Member.ts"
import { Projected } from "../projections/Projected.ts"
import { ReadModel } from "../projections/ReadModel.ts"
import { Roster } from "../projections/Roster.ts"
import { AdmissionBody, MemberBody, memberChanges, newMember, TokenBody } from "./bodies.ts"
import { bySlug, paging } from "./cursors.ts"
import * as examples from "./examples.ts"
import { about, command, question } from "./Operation.ts"
import { admins, anyone, oneself, oneselfRightsByAdmins } from "./rights.ts"
import { shownMember } from "./shown.ts"

type MemberOutcome = Outcome<MemberState, MemberEvent>

const ofMember = about(Member, ({ slug }: { readonly slug: string }, digest) => memberId(digest, slug))

/** This node lets the member in by its new token, and goes by its new rights. */
const known = Effect.fnUntraced(function* ({ seq, state }: MemberOutcome) {
  if (state._tag === "Absent") return
  const roster = yield* Roster
  const { readWait } = yield* Settings
  yield* roster.caughtUp(state.id, seq).pipe(Effect.timeout(readWait), Effect.ignore)
})

const registerMember = command({
  name: "member.register",
  summary: "Registers a person or an agent",
  description:
    "The token is in this answer alone: the log keeps only its hash. A repeat with the same key shows it again.",
  input: newMember,
  output: AdmissionBody,
  rest: ["POST", "/api/v1/members", 201],
  may: admins("register members"),
  refusals: ["MemberExists", "TokenForgotten"],
  example: {
    input: { name: "Ada", slug: "ada", type: "agent", capabilities: ["code"] },
    output: { member: examples.member, token: examples.token },
  },
  isVersioned: true,
  known,
  give: (member, { envelope }) =>
    Effect.map(
      Members.use((members) => members.register(member, envelope)),
      ({ outcome, token }) => ({ ...outcome, token }),
    ),
  tell: ({ state, token }) => ({ member: shownMember(state), token }),
})

const changeMember = command({
  name: "member.change",
  summary: "Changes a member's configuration",
  description: "Fields that are left out stay. A member that is not enabled is let in nowhere.",
  input: { slug: Slug, ...memberChanges },
  output: MemberBody,
  shown: MemberBody.fields,
  rest: ["PATCH", "/api/v1/members/:slug", 200],
  of: ofMember,
  may: oneselfRightsByAdmins,
  refusals: ["MemberNotFound", "LastAdmin"],
  example: { input: { slug: "ada", chat_listen: "mentions" }, output: examples.member },
  isVersioned: true,
  known,
  give: ({ slug, ...changes }, { actor, envelope }) => {
    // Rights that a member sends back are as it read them: by now they may be others.
    const { is_enabled: _enabled, role: _role, ...own } = changes
    return Members.use((members) => members.change(slug, isAdmin(actor) ? changes : own, envelope))
  },
  tell: ({ state }) => shownMember(state),
})

const rotateToken = command({
  name: "member.rotate",
  summary: "Makes a new token for a member",
  description: "The old one is dead at once on every node, and connections that it opened are closed.",
  input: { slug: Slug },
  output: TokenBody,
  rest: ["POST", "/api/v1/members/:slug/token", 200],
  of: ofMember,
  may: oneself,
  refusals: ["MemberNotFound", "TokenForgotten"],
  example: { input: { slug: "ada" }, output: { token: examples.token } },
  isVersioned: true,
  known,
  give: ({ slug }, { envelope }) =>
    Effect.map(
      Members.use((members) => members.rotate(slug, envelope)),
      ({ outcome, token }) => ({ ...outcome, token }),
    ),
  tell: ({ token }) => ({ token }),
})

const listMembers = question({
  name: "member.list",
  summary: "Lists people and agents",
  description: "By their slugs, with their presence; those who are disabled too.",
  input: paging,
  query: ["limit", "cursor"],
  output: Schema.Array(MemberBody),
  rest: ["GET", "/api/v1/members", 200],
  may: anyone,
  refusals: [],
  example: { input: {}, output: [{ ...examples.member, status: "online" }] },
  from: "tables",
  ask: Effect.fnUntraced(function* (asked) {
    const slice = yield* bySlug.slice(asked)
    const { seq, value } = yield* ReadModel.use((model) => model.members(slice))
    return { seq, body: value.rows, ...bySlug.next(value) }
  }),
})

const getMember = question({
  name: "member.get",
  summary: "Shows a member",
  description:
    "With its presence as `status`. The `ETag` is the version of its configuration, for `If-Match`, and its presence.",
  input: { slug: Slug },
  output: MemberBody,
  rest: ["GET", "/api/v1/members/:slug", 200],
  may: anyone,
  refusals: ["MemberNotFound"],
  example: { input: { slug: "ada" }, output: { ...examples.member, status: "online" } },
  from: "tables",
  isVersioned: true,
  ask: Effect.fnUntraced(function* ({ slug }) {
    const { seq, value } = yield* ReadModel.use((model) => model.member(slug))
    if (value === undefined) return yield* new MemberNotFound()
    return { seq, body: value.row, version: value.version, more: value.row.status }
  }),
})

const getMe = question({
  name: "member.me",
  summary: "Shows the caller",
  description: "As this node knows it from the log.",
  input: {},
  output: MemberBody,
  rest: ["GET", "/api/v1/me", 200],
  may: anyone,
  refusals: [],
  example: { input: {}, output: examples.member },
  from: "tables",
  ask: (_, { member }) =>
    Effect.map(
      Projected.use(({ current }) => current),
      (seq) => ({ seq, body: shownMember(member) }),
    ),
})

export const members = [listMembers, getMember, registerMember, changeMember, rotateToken, getMe]
