import type { Cooldown } from "../../domain/cooldowns.ts"
import { instantOf, millisOf } from "../instants.ts"

const timeOf = (instant: string | null) => (instant === null ? 0 : millisOf(instant))

/**
 * A provider's limit of one scope as this node knows it: what the log says, and what was seen here and may not be
 * on the log yet. Times are milliseconds since 1970.
 */
export class Limit {
  /** Canonical, null for the whole backend. */
  readonly model: string | null
  reason: Cooldown["reason"] = "rate_limit"
  strikes = 0
  since = 0
  /** 0 once it has ended. */
  until = 0
  /** The time since which something was seen here: it holds, whatever the log says of an end. */
  #seenSince = 0
  #seenUntil = 0
  #isUntold = false
  #probe: object | undefined
  #probeEnds = 0

  constructor(model: string | null) {
    this.model = model
  }

  /** True if the log has not shown yet what was seen here. */
  get isUntold(): boolean {
    return this.#isUntold
  }

  isOpen(now: number): boolean {
    return this.until <= now && (this.strikes === 0 || !this.#isProbed(now))
  }

  /** The next request is a probe. */
  isHalfOpen(now: number): boolean {
    return this.strikes > 0 && this.until <= now && !this.#isProbed(now)
  }

  /** The time at which a request may be sent; while one probes, now, or, for a timer, when that one must have ended. */
  opensAt(now: number, isForTimer: boolean): number {
    if (this.until > now) return this.until
    return isForTimer && this.strikes > 0 && this.#isProbed(now) ? this.#probeEnds : now
  }

  /** Until it gives it back, or until `ends`: a probe that is lost must not keep the others waiting for ever. */
  probe(holder: object, ends: number): void {
    this.#probe = holder
    this.#probeEnds = ends
  }

  release(holder: object): boolean {
    if (this.#probe !== holder) return false
    this.#probe = undefined
    return true
  }

  cool(next: Pick<Limit, "reason" | "strikes" | "since" | "until">): void {
    this.reason = next.reason
    this.strikes = next.strikes
    this.since = this.#seenSince = next.since
    this.until = this.#seenUntil = next.until
    this.#isUntold = true
  }

  /** A request sent at this time succeeded; an end that is later stands. */
  succeed(sentAt: number): void {
    this.strikes = 0
    if (this.until > sentAt) return
    this.until = this.#seenUntil = 0
    this.#isUntold = false
  }

  /** Takes over what the log says now; `clearedAt`: when the newest request was sent that succeeded here. */
  follow(cooldown: Cooldown, clearedAt: number): void {
    const since = timeOf(cooldown.since)
    const isCleared = clearedAt > since
    const end = timeOf(cooldown.until)
    const until = isCleared && end <= clearedAt ? 0 : end
    this.#isUntold &&= since < this.#seenSince && end < this.#seenUntil
    const isOwnReason = this.#isUntold && this.#seenUntil > until
    this.reason = isOwnReason ? this.reason : cooldown.reason
    this.strikes = Math.max(isCleared ? 0 : cooldown.strikes, this.#isUntold ? this.strikes : 0)
    this.since = this.#isUntold ? Math.max(since, this.since) : since
    this.until = Math.max(until, this.#seenUntil)
  }

  /** As the domain has it. */
  toCooldown(): Cooldown {
    const { model, reason, since, strikes, until } = this
    return { model, reason, strikes, since: instantOf(since), until: until === 0 ? null : instantOf(until) }
  }

  #isProbed(now: number): boolean {
    return this.#probe !== undefined && this.#probeEnds > now
  }
}
