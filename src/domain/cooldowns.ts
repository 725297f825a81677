import { DateTime, Duration, Schema } from "effect"
import { Instant } from "./Ids.ts"
import { ModelName } from "./ModelMapping.ts"

/** The scope of a limit: the model as callers name it, or null for the whole backend. */
export const LimitScope = Schema.NullOr(ModelName)
/**
 * The reason of a limit. A provider's rate limit ends by itself; a quota that is used up wants an operator, and so
 * does a model that the key's account lacks there.
 */
export const LimitReason = Schema.Literals(["rate_limit", "quota", "model"])

/**
 * A provider's limit on us: `strikes` in a row, the beginning of the newest cooldown, and its end, null once
 * it has ended. The strikes outlive the end, so that the backoff goes on growing: only a success clears them
 * (provider-gateway.md). A success while it still cools leaves no strikes, but the end where it is.
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
  /** False for requests that were sent before the cooldown began, or while it ran: that they are limited is no news. */
  readonly isStrike: boolean
  readonly strikes: number
  readonly reason: typeof LimitReason.Type
  readonly since: string
  readonly until: string
}

/** The largest exponent: beyond it the power of two has long met any cap. */
const LARGEST_POWER = 30
/** A longer end is news only when it is later by a tenth of the wait, or a second: many say the same at once. */
const [NEWS_SHARE, NEWS_MILLIS] = [0.1, 1_000]

const later = (instant: string, millis: number) =>
  DateTime.formatIso(DateTime.addDuration(DateTime.makeUnsafe(instant), Duration.millis(millis)))
const latest = (one: string, other: string) => (one > other ? one : other)

/**
 * `max(until, now + max(Retry-After, min(base * 2^(n-1), cap)))`, Retry-After clamped to the cap; a quota cools
 * for the cap at once. Undefined when nothing changes.
 */
export const coolDown = (observed: Observed, cooldowns: ReadonlyArray<Cooldown>): Next | undefined => {
  const { base_ms, cap_ms, now, reason, retry_after_ms, sent_at } = observed
  const known = cooldowns.find(({ model }) => model === observed.model)
  const isStrike = known === undefined || (sent_at > known.since && sent_at >= (known.until ?? ""))
  const floor = reason === "quota" ? cap_ms : Math.min(retry_after_ms ?? 0, cap_ms)
  if (!isStrike) return lengthened(known, floor, observed)
  const strikes = (known?.strikes ?? 0) + 1
  const backoff = Math.min(base_ms * 2 ** Math.min(strikes - 1, LARGEST_POWER), cap_ms)
  return {
    isStrike,
    strikes,
    reason,
    since: latest(now, sent_at),
    until: latest(known?.until ?? "", later(now, Math.max(floor, backoff))),
  }
}

/**
 * The cooldown after a limit that is no strike: a Retry-After or a quota may lengthen it, but one that is
 * over is not begun anew.
 */
const lengthened = (known: Cooldown, wait: number, { now, reason }: Observed): Next | undefined => {
  const { since, strikes, until } = known
  if (until === null || until <= now || (known.reason === "quota" && reason === "quota")) return undefined
  const end = later(now, wait)
  if (end <= later(until, Math.min(wait * NEWS_SHARE, NEWS_MILLIS))) return undefined
  return { isStrike: false, strikes, reason, since, until: end }
}

/** Answers whether a cooldown of this scope has come to its end. */
export const endCooldown = (model: string | null, now: string, cooldowns: ReadonlyArray<Cooldown>): boolean =>
  cooldowns.some((one) => one.model === model && one.until !== null && one.until <= now)
