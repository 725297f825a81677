import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Dispatcher, type Outcome } from "../../commands/dispatch.ts"
import { memberId } from "../../commands/identify.ts"
import { Members } from "../../commands/Members.ts"
import { Settings } from "../../config.ts"
import { Digest } from "../../domain/Digest.ts"
import { Member, type MemberEvent, MemberNotFound, type MemberState } from "../../domain/Member.ts"
import { Projected } from "../../projections/Projected.ts"
import { ReadModel } from "../../projections/ReadModel.ts"
import { Roster } from "../../projections/Roster.ts"
import { Answers } from "./Answers.ts"
import { Api } from "./Api.ts"
import { bySlug } from "./cursors.ts"
import { actingAs, adminsOnly, type Exchange } from "./Exchange.ts"
import { shownMember } from "./shown.ts"
import { unversioned, versioned } from "./versioned.ts"

type Current = Exchange["Service"]

export const MembersHandlers = HttpApiBuilder.group(
  Api,
  "members",
  Effect.fnUntraced(function* (handlers) {
    const answers = yield* Answers
    const digest = yield* Digest
    const dispatcher = yield* Dispatcher
    const members = yield* Members
    const projected = yield* Projected
    const readModel = yield* ReadModel
    const roster = yield* Roster
    const { readWait } = yield* Settings

    /** The answer, once this node knows the member's new token and rights as well. */
    const done = Effect.fnUntraced(function* (
      exchange: Current,
      outcome: Outcome<MemberState, MemberEvent>,
      told: { readonly body: object; readonly status?: number },
    ) {
      if (outcome.state._tag === "Known") {
        yield* roster.caughtUp(outcome.state.id, outcome.seq).pipe(Effect.timeout(readWait), Effect.ignore)
      }
      return yield* answers.done(exchange, outcome, { ...told, version: outcome.seq })
    })

    /** The caller is known from the log itself; where the read model is, is all there is to ask. */
    const position = Effect.map(projected.current, (seq) => ({ seq }))

    const versionedMember = (exchange: Current, slug: string) =>
      versioned(dispatcher, exchange, Member, memberId(digest, slug))

    return handlers.handleAll({
      list: ({ query }) =>
        answers.to(
          Effect.fnUntraced(function* (exchange) {
            const slice = yield* bySlug.slice(query)
            const seen = yield* answers.read(exchange, readModel.members(slice))
            return answers.seen(exchange, seen, seen.value.rows, {
              headers: bySlug.link(exchange.url, seen.value),
            })
          }),
        ),
      one: ({ params }) =>
        answers.to(
          Effect.fnUntraced(function* (exchange) {
            const seen = yield* answers.read(exchange, readModel.member(params.slug))
            return seen.value === undefined
              ? yield* new MemberNotFound()
              : answers.seen(exchange, seen, seen.value.row, seen.value)
          }),
        ),
      me: () =>
        answers.to((exchange) =>
          Effect.map(answers.read(exchange, position), (seen) =>
            answers.seen(exchange, seen, shownMember(exchange.member)),
          ),
        ),
      register: ({ payload }) =>
        answers.to(
          Effect.fnUntraced(function* (exchange) {
            yield* Effect.fromResult(adminsOnly(exchange, "register members"))
            const { outcome, token } = yield* members.register(payload, unversioned(exchange))
            return yield* done(exchange, outcome, {
              status: 201,
              body: { member: shownMember(outcome.state), token },
            })
          }),
        ),
      change: ({ params: { slug }, payload }) =>
        answers.to(
          Effect.fnUntraced(function* (exchange) {
            if (payload.role !== undefined || payload.is_enabled !== undefined) {
              yield* Effect.fromResult(adminsOnly(exchange, "change who is an admin, or enabled"))
            }
            yield* Effect.fromResult(actingAs(exchange, slug))
            const envelope = yield* versionedMember(exchange, slug)
            const outcome = yield* members.change(slug, payload, envelope)
            return yield* done(exchange, outcome, { body: shownMember(outcome.state) })
          }),
        ),
      rotateToken: ({ params: { slug } }) =>
        answers.to(
          Effect.fnUntraced(function* (exchange) {
            yield* Effect.fromResult(actingAs(exchange, slug))
            const envelope = yield* versionedMember(exchange, slug)
            const { outcome, token } = yield* members.rotate(slug, envelope)
            return yield* done(exchange, outcome, { body: { token } })
          }),
        ),
    })
  }),
)
