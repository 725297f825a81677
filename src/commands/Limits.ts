import { Clock, Context, Effect, Layer, Schema } from "effect"
import { Settings } from "../config.ts"

/** More requests than the member may make in a second (429). */
export class TooManyRequests extends Schema.TaggedError<TooManyRequests>()("TooManyRequests", {
  /** Requests a second. */
  limit: Schema.Int,
}) {}
/** The member has added as many bytes to the log as it may in a day (429; the day is UTC's). */
export class DayIsFull extends Schema.TaggedError<DayIsFull>()("DayIsFull", {
  /** Bytes a day. */
  limit: Schema.Int,
  /** Seconds until the next day. */
  wait: Schema.Int,
}) {}

const DAY = 86_400_000
const MEMBERS = 100_000

interface Use {
  tokens: number
  filledAt: number
  day: number
  bytes: number
}

/** The requests that one member may make of one node; an append is for ever, so bytes count too. In memory only. */
export class Limits extends Context.Service<
  Limits,
  {
    /** Admits a request more, by any door. */
    readonly admit: (member: string) => Effect.Effect<void, TooManyRequests>
    /** Fails when the member may not add any more to the log. */
    readonly mayStore: (member: string) => Effect.Effect<void, DayIsFull>
    readonly stored: (member: string, bytes: number) => Effect.Effect<void>
  }
>()("crewlog/commands/Limits") {
  static readonly layer = Layer.effect(
    Limits,
    Effect.gen(function* () {
      const { dailyBytes, rateLimit } = yield* Settings
      const uses = new Map<string, Use>()

      const useOf = (member: string, now: number): Use => {
        const known = uses.get(member)
        if (known !== undefined) return known
        const fresh = { tokens: rateLimit, filledAt: now, day: Math.floor(now / DAY), bytes: 0 }
        if (uses.size >= MEMBERS) uses.delete(uses.keys().next().value ?? "")
        uses.set(member, fresh)
        return fresh
      }

      const todayOf = (member: string, now: number): Use => {
        const use = useOf(member, now)
        const day = Math.floor(now / DAY)
        if (use.day !== day) Object.assign(use, { day, bytes: 0 })
        return use
      }

      return Limits.of({
        admit: Effect.fnUntraced(function* (member) {
          const now = yield* Clock.currentTimeMillis
          const use = useOf(member, now)
          const refilled = use.tokens + (Math.max(0, now - use.filledAt) * rateLimit) / 1000
          use.tokens = Math.min(rateLimit, refilled)
          use.filledAt = now
          if (use.tokens < 1) return yield* new TooManyRequests({ limit: rateLimit })
          use.tokens -= 1
        }),
        mayStore: Effect.fnUntraced(function* (member) {
          const now = yield* Clock.currentTimeMillis
          if (todayOf(member, now).bytes < dailyBytes) return
          return yield* new DayIsFull({ limit: dailyBytes, wait: Math.ceil((DAY - (now % DAY)) / 1000) })
        }),
        stored: Effect.fnUntraced(function* (member, bytes) {
          todayOf(member, yield* Clock.currentTimeMillis).bytes += bytes
        }),
      })
    }),
  )
}
