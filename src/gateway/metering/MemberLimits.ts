import type { GatewayOptions } from "../../domain/Gateway.ts"
import type { SetAllowance } from "../../projections/Fleet.ts"
import type { RosterMember } from "../../projections/Roster.ts"
import { Bucket } from "../routing/Bucket.ts"
import type { LimitRefusal } from "./Caller.ts"
import { DAY } from "./Ledger.ts"
import type { Spending } from "./Spending.ts"

/** The wait in seconds that a member whose limit is 0 is told: nobody knows when that changes. */
const A_MINUTE = 60
const A_SECOND = 1

interface Limits {
  readonly requests_per_minute: number | null
  readonly tokens_per_day: number | null
  readonly usd_per_day: number | null
}

interface Sources {
  readonly allowanceOf: (member: string) => SetAllowance | undefined
  readonly options: () => GatewayOptions
  readonly spending: Pick<Spending["Service"], "today" | "isReady">
  /** Nodes that serve the gateway: each lets its share of a member's requests a minute through. */
  readonly nodes: () => number
  readonly now: () => number
}

/** The limits of each member just now: its own allowance, else what holds for all members. */
export class MemberLimits {
  readonly #sources: Sources
  readonly #minutes = new Map<string, Bucket>()

  constructor(sources: Sources) {
    this.#sources = sources
  }

  /** Takes one request, if there is room for one. */
  take(member: RosterMember): LimitRefusal | undefined {
    const limits = this.#limitsOf(member)
    const now = this.#sources.now()
    return this.#spent(member, limits, now) ?? this.#hurried(member, limits, now)
  }

  #limitsOf({ id }: RosterMember): Limits {
    const { allowanceOf, options } = this.#sources
    const own = allowanceOf(id)
    if (own !== undefined) return own
    const { member_requests_per_minute, member_tokens_per_day, member_usd_per_day } = options()
    return {
      requests_per_minute: member_requests_per_minute,
      tokens_per_day: member_tokens_per_day,
      usd_per_day: member_usd_per_day,
    }
  }

  #spent({ slug }: RosterMember, limits: Limits, now: number): LimitRefusal | undefined {
    const { tokens_per_day, usd_per_day } = limits
    if (tokens_per_day === null && usd_per_day === null) return undefined
    const { isReady, today } = this.#sources.spending
    if (!isReady()) return { kind: "not_ready", retryAfterSeconds: A_SECOND }
    const { nanoUsd, tokens } = today(slug)
    const untilTomorrow = Math.ceil((DAY - (now % DAY)) / 1000)
    if (tokens_per_day !== null && tokens >= tokens_per_day) {
      return over("tokens_per_day", tokens_per_day, untilTomorrow)
    }
    return usd_per_day !== null && nanoUsd >= usd_per_day * 1e9
      ? over("usd_per_day", usd_per_day, untilTomorrow)
      : undefined
  }

  #hurried(
    { id }: RosterMember,
    { requests_per_minute: limit }: Limits,
    now: number,
  ): LimitRefusal | undefined {
    if (limit === null) {
      this.#minutes.delete(id)
      return undefined
    }
    const bucket = this.#bucketOf(id, limit, now)
    const readyAt = bucket.readyAt(now)
    if (readyAt > now) {
      const seconds = Math.ceil((readyAt - now) / 1000)
      return over("requests_per_minute", limit, limit === 0 ? A_MINUTE : Math.max(A_SECOND, seconds))
    }
    bucket.take(now)
    return undefined
  }

  #bucketOf(member: string, limit: number, now: number): Bucket {
    const nodes = Math.max(1, this.#sources.nodes())
    const known = this.#minutes.get(member)
    if (known !== undefined) {
      known.share(limit, nodes, now)
      return known
    }
    const made = new Bucket(limit, nodes, now, true)
    this.#minutes.set(member, made)
    return made
  }
}

const over = (
  limit: Extract<LimitRefusal, { readonly kind: "over_limit" }>["limit"],
  allowed: number,
  retryAfterSeconds: number,
): LimitRefusal => ({ kind: "over_limit", limit, allowed, retryAfterSeconds })
