import { DateTime, Duration, Schema } from "effect"
import { Instant } from "./Ids.ts"
import { ModelName } from "./ModelMapping.ts"

/** What a limit holds for: the model as callers name it, or null for the whole backend. */
export const LimitScope = Schema.NullOr(ModelName)
/** A provider's rate limit ends by itself; a quota that is used up wants an operator. */
export const LimitReason = Schema.Literals(["rate_limit", "quota"])

/**
 * That a provider limits us: `strikes` in a row, the newest cooldown's start, and its end, null once it
 * has ended. It is there until a request succeeds: the backoff goes on growing over ends (provider-gateway.md).
 */
const Cooldown = Schema.Struct({
  model: LimitScope,
  reason: LimitReason,
  strikes: Schema.Int,
  since: Instant,
  until: Schema.NullOr(Instant),
})
export type Cooldown = typeof Cooldown.Type
export const Cooldowns = Schema.Array(Cooldown)

interface Observed {
  readonly model: string | null
  readonly reason: typeof LimitReason.Type
  readonly retry_after_ms: number | null
  readonly base_ms: number
  readonly cap_ms: number
  readonly sent_at: string
  readonly now: string
}

interface Next {
  /** False for an answer to a request that was sent before the cooldown began: many may be under way. */
  readonly isStrike: boolean
  readonly strikes: number
  readonly since: string
  readonly until: string
}

/** Beyond it the power of two has long met any cap. */
const LARGEST_POWER = 30

const later = (instant: string, millis: number) =>
  DateTime.formatIso(DateTime.addDuration(DateTime.makeUnsafe(instant), Duration.millis(millis)))
const latest = (one: string, other: string) => (one > other ? one : other)

/**
 * `max(until, now + max(Retry-After, min(base * 2^(n-1), cap)))`, Retry-After clamped to the cap; a quota cools
 * for the cap at once. Undefined when nothing changes.
 */
export const coolDown = (observed: Observed, cooldowns: ReadonlyArray<Cooldown>): Next | undefined => {
  const { base_ms, cap_ms, model, now, reason, retry_after_ms, sent_at } = observed
  const known = cooldowns.find((one) => one.model === model)
  const isStrike = known === undefined || sent_at > known.since
  const strikes = (known?.strikes ?? 0) + (isStrike ? 1 : 0)
  const floor = Math.min(retry_after_ms ?? 0, cap_ms)
  const backoff = Math.min(base_ms * 2 ** Math.min(strikes - 1, LARGEST_POWER), cap_ms)
  const millis = reason === "quota" ? cap_ms : Math.max(floor, isStrike ? backoff : 0)
  const before = known?.until ?? ""
  const until = latest(before, later(now, millis))
  if (isStrike) return { isStrike, strikes, since: latest(now, sent_at), until }
  // What was under way when the cooldown began may only lengthen it; one that ended is not begun anew.
  if (known.until === null || until === before) return undefined
  return { isStrike, strikes, since: known.since, until }
}

/** Whether there is a cooldown of this scope whose time has come. */
export const endCooldown = (model: string | null, now: string, cooldowns: ReadonlyArray<Cooldown>): boolean =>
  cooldowns.some((one) => one.model === model && one.until !== null && one.until <= now)
