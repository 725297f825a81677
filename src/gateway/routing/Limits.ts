import { type Cooldown, coolDown } from "../../domain/cooldowns.ts"
import type { GatewayOptions } from "../../domain/Gateway.ts"
import { instantOf, millisOf } from "../instants.ts"
import { Limit } from "./Limit.ts"
import type { Outcome } from "./Route.ts"

/** Milliseconds after which a success is told again that the log does not show. */
const TELL_AGAIN_AFTER = 5_000

export type RateLimited = Extract<Outcome, { readonly kind: "rate_limited" }>

/** A 429 to a request that was sent at this time, and what it holds for. */
export interface Struck {
  readonly model: string | null
  readonly sentAt: number
  readonly outcome: RateLimited
}

/** All limits of one backend: for the whole of it, and for models. Asked for a model, those of others do not matter. */
export class Limits {
  #all: ReadonlyArray<Limit> = []
  /** By scope: when the newest request was sent that succeeded after a limit. The log may be late with that. */
  readonly #cleared = new Map<string | null, number>()
  #isLogBehind = false
  #toldAt = -Infinity

  /** No cooldown, and no request that probes. */
  isOpen(model: string, now: number): boolean {
    for (const limit of this.#all) if (concerns(limit, model) && !limit.isOpen(now)) return false
    return true
  }

  /** The time from which {@link isOpen} may be true, and for a timer: will be at the latest. */
  opensAt(model: string, now: number, isForTimer: boolean): number {
    let at = now
    for (const limit of this.#all) {
      if (!concerns(limit, model)) continue
      // A model that the account lacks is tried again then, and not waited for.
      if (limit.reason === "model" && limit.until > now) return Infinity
      at = Math.max(at, limit.opensAt(now, isForTimer))
    }
    return at
  }

  /** The end of all that cools it; 0 when nothing does. */
  coolingUntil(model: string, now: number): number {
    let until = 0
    for (const limit of this.#all) {
      if (concerns(limit, model) && limit.until > now) until = Math.max(until, limit.until)
    }
    return until
  }

  /** True while it cools for something that the provider's clock does not end. */
  wantsOperator(model: string, now: number): boolean {
    return this.#all.some(
      (limit) => concerns(limit, model) && limit.until > now && limit.reason !== "rate_limit",
    )
  }

  /** Makes the holder the probe of all limits whose cooldown is over; whether there is one. */
  probe(model: string, now: number, holder: object, ends: number): boolean {
    let isProbe = false
    for (const limit of this.#all) {
      if (!concerns(limit, model) || !limit.isHalfOpen(now)) continue
      limit.probe(holder, ends)
      isProbe = true
    }
    return isProbe
  }

  release(holder: object): void {
    for (const limit of this.#all) limit.release(holder)
  }

  /** Cools by the log's own rule, at once; whether the log should hear of it. */
  strike({ model, outcome, sentAt }: Struck, options: GatewayOptions, now: number): boolean {
    const known = this.#all.find((limit) => limit.model === model)
    const next = coolDown(
      {
        model,
        reason: outcome.reason,
        retry_after_ms: outcome.retryAfterMillis,
        base_ms: options.cooldown_base_seconds * 1_000,
        cap_ms: capOf(outcome, options) * 1_000,
        sent_at: instantOf(sentAt),
        now: instantOf(now),
      },
      known === undefined ? [] : [known.toCooldown()],
    )
    if (next === undefined) return false
    const limit = known ?? new Limit(model)
    if (known === undefined) this.#all = [...this.#all, limit]
    const { reason, strikes } = next
    limit.cool({ reason, strikes, since: millisOf(next.since), until: millisOf(next.until) })
    return true
  }

  /**
   * A request for this model succeeded, or for any where limits are the whole backend's; whether the log should
   * hear of it. The rule is the log's own.
   */
  succeed(model: string, isForAll: boolean, sentAt: number, now: number): boolean {
    let isNews = this.#isLogBehind && now - this.#toldAt >= TELL_AGAIN_AFTER
    for (const limit of this.#all) {
      const isMeant = concerns(limit, model) || (isForAll && limit.reason !== "model")
      if (!isMeant || sentAt <= limit.since) continue
      isNews ||= limit.strikes > 0
      limit.succeed(sentAt)
      this.#cleared.set(limit.model, sentAt)
      if (limit.until === 0) this.#drop(limit)
    }
    if (isNews) this.#toldAt = now
    return isNews
  }

  /** Nothing to ask of {@link succeed}. */
  get isQuiet(): boolean {
    return this.#all.length === 0 && !this.#isLogBehind
  }

  /** Takes over what the log says; what was seen here and is not on the log yet stays. */
  follow(cooldowns: ReadonlyArray<Cooldown>): void {
    this.#isLogBehind = false
    for (const limit of this.#all) {
      const isOnLog = cooldowns.some(({ model }) => model === limit.model)
      if (!isOnLog && !limit.isUntold) this.#drop(limit)
    }
    for (const cooldown of cooldowns) this.#followOne(cooldown)
  }

  /** The operator has done something about these limits: what is not on the log is forgotten. */
  forget(reasons: ReadonlyArray<Limit["reason"]>): void {
    for (const limit of this.#all) if (reasons.includes(limit.reason)) this.#drop(limit)
  }

  #followOne(cooldown: Cooldown): void {
    const { model, since } = cooldown
    const clearedAt = this.#cleared.get(model) ?? 0
    const known = this.#all.find((limit) => limit.model === model)
    const limit = known ?? new Limit(model)
    limit.follow(cooldown, clearedAt)
    if (cooldown.strikes > 0 && clearedAt > millisOf(since)) this.#isLogBehind = true
    if (limit.strikes === 0 && limit.until === 0) this.#drop(limit)
    else if (known === undefined) this.#all = [...this.#all, limit]
  }

  #drop(limit: Limit): void {
    this.#all = this.#all.filter((one) => one !== limit)
  }
}

const concerns = (limit: Limit, model: string) => limit.model === null || limit.model === model

const capOf = ({ reason }: RateLimited, options: GatewayOptions) =>
  reason === "quota" ? options.cooldown_quota_seconds : options.cooldown_max_seconds
