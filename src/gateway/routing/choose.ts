import type { ModelMapping } from "../../domain/ModelMapping.ts"
import type { Api } from "./Route.ts"
import type { RoutedBackend } from "./RoutedBackend.ts"

/** A backend that maps a model, and what it makes of it. */
export interface Candidate {
  readonly backend: RoutedBackend
  readonly mapping: ModelMapping
}

/** The things that a request can be sent to. */
export interface Wanted {
  readonly model: string
  readonly apis: ReadonlyArray<Api>
  /** They have failed it. */
  readonly excluded: ReadonlyArray<RoutedBackend>
}

const speaks = ({ backend }: Candidate, { apis, excluded }: Wanted) =>
  apis.includes(backend.route.backend.api) && !excluded.includes(backend)

const fits = (candidate: Candidate, wanted: Wanted) => candidate.backend.isUsable && speaks(candidate, wanted)

/**
 * The backend to send a request to: of the first pool that has any, the one with the largest part of its tokens
 * left, the one registered first among equals. So keys of one pool are used evenly, each by its limit, and none is
 * worn out while another rests. Those that may be down come last.
 */
export const choose = (
  candidates: ReadonlyArray<Candidate>,
  wanted: Wanted,
  now: number,
): Candidate | undefined => {
  let best: Candidate | undefined
  let bestRank = Infinity
  let bestFill = 0
  for (const candidate of candidates) {
    const { backend } = candidate
    if (!fits(candidate, wanted)) continue
    const rank = backend.rank(now)
    if (rank > bestRank) continue
    const fill = backend.bucket.fill(now)
    if (fill < 0 || (rank === bestRank && fill <= bestFill)) continue
    if (!backend.limits.isOpen(wanted.model, now)) continue
    best = candidate
    bestRank = rank
    bestFill = fill
  }
  return best
}

/**
 * The time at which {@link choose} may find one, and for a timer: will find one at the latest. Infinity:
 * never by itself.
 */
export const opensAt = (
  candidates: ReadonlyArray<Candidate>,
  wanted: Wanted,
  now: number,
  isForTimer = false,
): number => {
  let at = Infinity
  for (const candidate of candidates) {
    if (!speaks(candidate, wanted)) continue
    const { backend } = candidate
    const { bucket, limits } = backend
    const opens = limits.opensAt(wanted.model, now, isForTimer)
    at = Math.min(at, Math.max(backend.usableAt(now, isForTimer), bucket.readyAt(now), opens))
  }
  return at
}

/**
 * For the emergency lane: any backend that has not failed this request, also one that is out of tokens or, if
 * there is no other, cooling: first the one whose cooldown ends first. Not where a quota is used up or the account
 * lacks the model: neither comes back by asking.
 */
export const chooseInEmergency = (
  candidates: ReadonlyArray<Candidate>,
  wanted: Wanted,
  now: number,
): Candidate | undefined => {
  let best: Candidate | undefined
  let bestUntil = Infinity
  let bestRank = Infinity
  for (const candidate of candidates) {
    const { backend } = candidate
    if (!fits(candidate, wanted) || backend.limits.wantsOperator(wanted.model, now)) continue
    const until = backend.limits.coolingUntil(wanted.model, now)
    const rank = backend.rank(now)
    if (until > bestUntil || (until === bestUntil && rank >= bestRank)) continue
    best = candidate
    bestUntil = until
    bestRank = rank
  }
  return best
}
