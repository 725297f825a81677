import type { KnownBackend } from "../../domain/Backend.ts"
import { Bucket } from "./Bucket.ts"
import { KeyStanding } from "./KeyStanding.ts"
import { Limits } from "./Limits.ts"
import type { Probed, Route } from "./Route.ts"
import type { BackendStanding } from "./RouterStatus.ts"
import { Vitals } from "./Vitals.ts"

/** Milliseconds for which a suspect backend is among the last to be asked; then one request finds out. */
const SUSPECT_FOR = 10_000
/** Milliseconds within which a key comes from the vault, if it does. */
const KEY_WITHIN = 2_000
/** Milliseconds: nodes that see a backend differently must not fill the log with it. */
const SAY_AGAIN_AFTER = 30_000

/** A backend on this node: what the log says about it, and what was seen here since. */
export class RoutedBackend {
  readonly id: string
  readonly bucket: Bucket
  readonly limits = new Limits()
  readonly vitals = new Vitals()
  readonly key = new KeyStanding()
  inFlight = 0
  #route: Route
  #isUsable = false
  #keyDueAt = 0
  #suspectUntil = 0
  #said: Probed["health"] | undefined
  #saidAt = 0

  constructor(route: Route, nodes: number, now: number, isFull: boolean) {
    this.id = route.backend.id
    this.bucket = new Bucket(route.backend.rpm_limit, nodes, now, isFull)
    this.#route = route
    this.follow(route, nodes, now)
  }

  get route(): Route {
    return this.#route
  }
  /** Enabled, with a key that is here and that the provider takes. */
  get isUsable(): boolean {
    return this.#isUsable && this.key.isGood
  }

  /** Takes over what the log says now. */
  follow(route: Route, nodes: number, now: number): void {
    const { backend: before } = this.#route
    const { backend, key } = route
    this.#route = route
    if (isAnew(before, backend)) this.#forget()
    if (before.model_mappings !== backend.model_mappings) this.limits.forget(["model"])
    if (before.health === "down" && backend.health !== "down") this.worthATry()
    if (before.health !== backend.health) this.#said = undefined
    this.key.follow(backend.fault)
    this.limits.follow(backend.cooldowns)
    this.bucket.share(backend.rpm_limit, nodes, now)
    this.#isUsable = backend.is_enabled && key !== undefined
    if (!backend.is_enabled || key !== undefined) this.#keyDueAt = 0
    else if (this.#keyDueAt === 0 || before.key_version !== backend.key_version) {
      this.#keyDueAt = now + KEY_WITHIN
    }
  }

  /**
   * The time at which it may be usable, and for a timer: when it is or is not. A key that was just set is on
   * its way from the vault, and requests wait for it.
   */
  usableAt(now: number, isForTimer: boolean): number {
    if (this.isUsable) return now
    if (now >= this.#keyDueAt) return Infinity
    return isForTimer ? this.#keyDueAt : now
  }

  /** The lower, the sooner it is asked: the primary pool, the fallback pool, then those of both that may be down. */
  rank(now: number): number {
    const { health, pool } = this.#route.backend
    const isUnwell = health === "down" || (this.vitals.isSuspect && now < this.#suspectUntil)
    return (isUnwell ? 2 : 0) + (pool === "primary" ? 0 : 1)
  }

  /** Counts a request more on its way. The one that finds out about a suspect is alone. */
  lend(now: number): void {
    this.inFlight += 1
    this.bucket.take(now)
    if (this.vitals.isSuspect && now >= this.#suspectUntil) this.#suspectUntil = now + SUSPECT_FOR
  }

  failed(now: number, error: string): void {
    this.vitals.failed(now, error)
    if (this.vitals.isSuspect) this.#suspectUntil = now + SUSPECT_FOR
  }

  /** Somebody saw it answer. */
  worthATry(): void {
    this.vitals.notDown()
    this.#suspectUntil = 0
  }

  /** The health to tell the log, when the log has it otherwise and this node has not just said so. */
  healthToTell(now: number): Probed | undefined {
    const { backend } = this.#route
    const verdict = this.vitals.verdict(now)
    if (verdict.health === backend.health) return undefined
    if (verdict.health === this.#said && now - this.#saidAt < SAY_AGAIN_AFTER) return undefined
    this.#said = verdict.health
    this.#saidAt = now
    return verdict
  }

  standing(now: number): BackendStanding {
    return {
      rpmLeft: Math.floor(this.bucket.tokens(now)),
      inFlight: this.inFlight,
      probeMillis: this.vitals.probeMillis,
      failuresInARow: this.vitals.failures,
      successRate: this.vitals.successRate(now),
    }
  }

  #forget(): void {
    this.key.forget()
    this.limits.forget(["quota", "model"])
    this.vitals.forget()
    this.#suspectUntil = 0
  }
}

/** True if what was seen says nothing of another key or place, and is not to keep out what an operator has just let in. */
const isAnew = (before: KnownBackend, now: KnownBackend) =>
  before.key_version !== now.key_version ||
  before.api_base_url !== now.api_base_url ||
  before.api !== now.api ||
  (now.is_enabled && !before.is_enabled)
