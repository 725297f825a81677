import type { GatewayOptions } from "../../domain/Gateway.ts"
import type { RateLimited } from "./Limits.ts"
import type { Observation, Outcome, Probed } from "./Route.ts"
import type { RoutedBackend } from "./RoutedBackend.ts"
import type { GrantedLease } from "./RoutedJourney.ts"
import type { ProbeResult } from "./Vitals.ts"

/** The listeners for what belongs on the log. Neither may throw, nor ask the router for anything at once. */
export interface Told {
  readonly observer: (observation: Observation) => void
  readonly onHealth: (backend: string, probed: Probed) => void
}

/** The findings of requests and probes: taken over at once, and told where the log should hear of it. */
export class Findings {
  readonly #told: Told
  readonly #isThere: (backend: RoutedBackend) => boolean
  readonly tell: Told["observer"]

  constructor(told: Told, isThere: (backend: RoutedBackend) => boolean) {
    this.#told = told
    this.#isThere = isThere
    this.tell = told.observer
  }

  /** The provider serves the request: it takes the key, and limits us no longer. Whether that changes anything. */
  accepted(lease: GrantedLease, now: number): boolean {
    const { backend, sentAt } = lease
    const isOfThisKey = lease.route.backend.key_version === backend.route.backend.key_version
    const isTakenAgain = isOfThisKey && backend.key.served(sentAt)
    if (backend.limits.isQuiet && !isTakenAgain) return false
    const { model } = lease.journey
    const isForAll = backend.route.backend.cooldown_scope === "backend"
    const isNews = backend.limits.succeed(model, isForAll, sentAt, now) || isTakenAgain
    if (isNews && this.#isThere(backend)) this.tell({ kind: "succeeded", backend: backend.id, model, sentAt })
    return isNews
  }

  /** True if it changes what others can be sent to. */
  settled(lease: GrantedLease, outcome: Outcome, options: GatewayOptions, now: number): boolean {
    const { backend } = lease
    switch (outcome.kind) {
      case "ok": {
        backend.vitals.served(now)
        if (backend.route.backend.health !== "healthy") this.#tellHealth(backend, now)
        return this.accepted(lease, now)
      }
      case "rate_limited":
        this.#limited(lease, outcome, options, now)
        return true
      case "key_fault":
        if (lease.route.backend.key_version === backend.route.backend.key_version) {
          this.#faulted(backend, outcome.fault, backend.key.refused(outcome, now), now)
        }
        return true
      case "failed":
        backend.failed(now, outcome.error)
        this.#tellHealth(backend, now)
        return false
      case "misfit":
      case "caller":
      case "aborted":
        return false
    }
  }

  probed(backend: RoutedBackend, result: ProbeResult, now: number): void {
    const { kind, keyVersion, sentAt } = result
    const isOfThisKey = keyVersion === backend.route.backend.key_version
    backend.vitals.probed(result)
    if (kind !== "failed") backend.worthATry()
    // A key may well be good for requests and forbidden to list models.
    if (isOfThisKey && kind === "unauthorized") {
      this.#faulted(backend, kind, backend.key.refused({ fault: kind }, now), now)
    }
    // A success also ends the backend's limits on the log, which a list of models says nothing about.
    const isCooling = backend.limits.coolingUntil("", now) > 0
    if (isOfThisKey && kind === "ok" && !isCooling && backend.key.probedGood(sentAt)) {
      this.tell({ kind: "succeeded", backend: backend.id, model: null, sentAt })
    }
    this.#tellHealth(backend, now)
  }

  #limited(
    { backend, journey, sentAt }: GrantedLease,
    outcome: RateLimited,
    options: GatewayOptions,
    now: number,
  ) {
    const isOfModel = outcome.isOfModel === true
    const model = isOfModel || backend.route.backend.cooldown_scope === "model" ? journey.model : null
    const isNews = backend.limits.strike({ model, outcome, sentAt }, options, now)
    if (!isNews || !this.#isThere(backend)) return
    const { reason, retryAfterMillis } = outcome
    const limited = { backend: backend.id, model, reason, retryAfterMillis, sentAt, at: now }
    this.tell({ kind: "rate_limited", ...limited, ...(isOfModel ? { isOfModel } : {}) })
  }

  #faulted(backend: RoutedBackend, fault: "unauthorized" | "forbidden", isNews: boolean, at: number) {
    if (!isNews || !this.#isThere(backend)) return
    const keyVersion = backend.route.backend.key_version
    this.tell({ kind: "key_fault", backend: backend.id, fault, keyVersion, at })
  }

  #tellHealth(backend: RoutedBackend, now: number): void {
    const probed = backend.healthToTell(now)
    if (probed !== undefined && this.#isThere(backend)) this.#told.onHealth(backend.id, probed)
  }
}
