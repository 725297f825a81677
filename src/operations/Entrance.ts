import { Context, Effect, Layer, Result } from "effect"
import { Heartbeats } from "../commands/Heartbeats.ts"
import { type DayIsFull, Limits, type TooManyRequests } from "../commands/Limits.ts"
import { Tokens } from "../commands/Tokens.ts"
import { Roster, type RosterMember } from "../projections/Roster.ts"
import { MemberIsDisabled, NotAuthenticated } from "./EdgeRefusal.ts"

type Admitted = Result.Result<RosterMember, NotAuthenticated | MemberIsDisabled>

/** Texts of one length are compared to their ends, however early they differ. */
const isSame = (one: string, other: string): boolean => {
  let difference = one.length ^ other.length
  for (let at = 0; at < one.length; at += 1) difference |= one.charCodeAt(at) ^ other.charCodeAt(at)
  return difference === 0
}

/** The members' way in, the same at every door: by token, within their rate, and each call a sign of life. */
export class Entrance extends Context.Service<
  Entrance,
  {
    /** The member whose token this is, if the token counts and the member may act. */
    readonly byToken: (token: string | undefined) => Admitted
    /** The same by the token's hash: for connections that stay. */
    readonly byTokenHash: (hash: string) => Admitted
    /** Admits a request more. */
    readonly admit: (member: RosterMember) => Effect.Effect<void, TooManyRequests>
    /** A sign of life that is no request. */
    readonly seen: (member: RosterMember) => Effect.Effect<void>
    /** A connection of the member has ended: the status that it said no longer counts. */
    readonly gone: (member: RosterMember, source: string) => Effect.Effect<void>
    /** Fails when the member may not add any more to the log today. */
    readonly mayStore: (member: RosterMember) => Effect.Effect<void, DayIsFull>
  }
>()("crewlog/operations/Entrance") {
  static readonly layer = Layer.effect(
    Entrance,
    Effect.gen(function* () {
      const heartbeats = yield* Heartbeats
      const limits = yield* Limits
      const roster = yield* Roster
      const tokens = yield* Tokens

      const byTokenHash = (hash: string): Admitted => {
        const member = roster.byToken(hash)
        if (member === undefined || !isSame(member.token_hash, hash)) {
          return Result.fail(new NotAuthenticated({ sent: true }))
        }
        return member.is_enabled ? Result.succeed(member) : Result.fail(new MemberIsDisabled())
      }

      return Entrance.of({
        byToken: (token) =>
          token === undefined
            ? Result.fail(new NotAuthenticated({ sent: false }))
            : byTokenHash(tokens.hash(token)),
        byTokenHash,
        admit: (member) => Effect.andThen(limits.admit(member.id), heartbeats.seen(member)),
        seen: heartbeats.seen,
        gone: heartbeats.gone,
        mayStore: ({ id }) => limits.mayStore(id),
      })
    }),
  )
}
