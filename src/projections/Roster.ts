import { Context, Deferred, Effect, Layer, PubSub, Schedule, Stream } from "effect"
import type { Recorded } from "../domain/CommitRecord.ts"
import { Digest } from "../domain/Digest.ts"
import { EventLog, type NewerRecord } from "../domain/EventLog.ts"
import { historian } from "../domain/History.ts"
import { Member, type MemberState } from "../domain/Member.ts"

export type RosterMember = Extract<MemberState, { readonly _tag: "Known" }>

/**
 * The members by token and by slug, on every node, in memory and straight from the log: a revoked token or a
 * disabled member is known here without PostgreSQL, a moment after its record (architecture.md section 11).
 */
export class Roster extends Context.Service<
  Roster,
  {
    /** The member with this SHA-256 of its token; only the newest token of a member counts. */
    readonly byToken: (hash: string) => RosterMember | undefined
    readonly bySlug: (slug: string) => RosterMember | undefined
    /** Every member that is registered or changed from now on. */
    readonly changes: Stream.Stream<RosterMember>
    /** Waits until the member's record at this position is known here. */
    readonly caughtUp: (member: string, seq: number) => Effect.Effect<void>
  }
>()("crewlog/projections/Roster") {
  static readonly layer = Layer.effect(
    Roster,
    Effect.gen(function* () {
      const log = yield* EventLog
      const { asOf } = historian(Member, log, yield* Digest)
      const bySlug = new Map<string, RosterMember>()
      const byToken = new Map<string, RosterMember>()
      const positions = new Map<string, number>()
      const changes = yield* PubSub.unbounded<RosterMember>()
      const waiting = new Set<{
        readonly member: string
        readonly seq: number
        readonly done: Deferred.Deferred<void>
      }>()

      /** Takes a member for disabled: its rights are not decided on half of what the log says. */
      const forget = Effect.fnUntraced(function* (id: string, error: NewerRecord) {
        yield* Effect.logWarning(`${error.message}; until then the member can't log in here`)
        const before = [...bySlug.values()].find((member) => member.id === id)
        positions.set(id, error.seq)
        if (before === undefined) return
        const disabled = { ...before, is_enabled: false }
        bySlug.set(before.slug, disabled)
        byToken.set(before.token_hash, disabled)
        yield* PubSub.publish(changes, disabled)
      })

      const note = (recorded: Recorded) =>
        learn(recorded).pipe(Effect.catchTag("NewerRecord", (error) => forget(recorded.subject.id, error)))

      const learn = Effect.fnUntraced(function* (recorded: Recorded) {
        const { seq, state } = yield* asOf(recorded)
        if (state._tag === "Absent" || seq <= (positions.get(state.id) ?? 0)) return
        const before = bySlug.get(state.slug)
        if (before !== undefined) byToken.delete(before.token_hash)
        bySlug.set(state.slug, state)
        byToken.set(state.token_hash, state)
        positions.set(state.id, seq)
        yield* PubSub.publish(changes, state)
        for (const waiter of waiting) {
          if (waiter.member === state.id && waiter.seq <= seq) yield* Deferred.succeed(waiter.done, undefined)
        }
      })

      const known = yield* log.newest("member")
      yield* Effect.forEach(known, note, { discard: true })
      yield* log.followType("member", known.at(-1)?.seq ?? 0).pipe(
        Stream.runForEach(note),
        Effect.tapError((error) => Effect.logWarning("the roster reads the log again", error)),
        Effect.retry(Schedule.spaced("500 millis")),
        Effect.orDie,
        Effect.forkScoped,
      )

      return Roster.of({
        byToken: (hash) => byToken.get(hash),
        bySlug: (slug) => bySlug.get(slug),
        changes: Stream.fromPubSub(changes),
        caughtUp: (member, seq) =>
          Effect.suspend(() => {
            if ((positions.get(member) ?? 0) >= seq) return Effect.void
            const waiter = { member, seq, done: Deferred.makeUnsafe<void>() }
            waiting.add(waiter)
            return Deferred.await(waiter.done).pipe(
              Effect.ensuring(Effect.sync(() => waiting.delete(waiter))),
            )
          }),
      })
    }),
  )
}
