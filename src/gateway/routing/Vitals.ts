import type { Probed } from "./Route.ts"

const SLOT = 10_000
/** Five minutes. */
const SLOTS = 30
const DOWN_AFTER = 5
/** Failures in a row from which on a backend is not among the first to be asked. */
const SUSPECT_AFTER = 3
/** Fewer say nothing about a rate. */
const ENOUGH = 10
const DEGRADED_BELOW = 0.9
const REASON = 200

/** The answer to a health probe. */
export interface ProbeResult {
  /**
   * `answered`: by somebody, whatever it was, below 500; `failed`: 5xx, no connection, no answer in time.
   * `unauthorized`, `forbidden`: 401, 403.
   */
  readonly kind: "ok" | "answered" | "unauthorized" | "forbidden" | "failed"
  /** In a few words, nothing that the provider wrote. */
  readonly detail: string
  readonly keyVersion: string
  readonly sentAt: number
  readonly millis: number
}

/**
 * The record of a backend's work, by requests and probes of this node (provider-gateway.md, Health). Only
 * failures count against it (408, 5xx, no connection, time-outs), not limits and not what callers did wrong.
 */
export class Vitals {
  /** Of requests, in a row. */
  #failures = 0
  #probeFailures = 0
  #error = ""
  #servedAt = 0
  #probe: ProbeResult | undefined
  /** The time at which the probe before the newest was sent. */
  #probeBefore = 0
  readonly #served = new Uint32Array(SLOTS)
  readonly #failed = new Uint32Array(SLOTS)
  /** The ten seconds that a slot counts. */
  readonly #slots = new Uint32Array(SLOTS)

  get failures(): number {
    return this.#failures + this.#probeFailures
  }
  get isSuspect(): boolean {
    return this.#failures >= SUSPECT_AFTER
  }
  get probeMillis(): number | null {
    return this.#probe?.millis ?? null
  }

  served(now: number): void {
    const slot = this.#slotAt(now)
    this.#served[slot] = (this.#served[slot] ?? 0) + 1
    this.#failures = 0
    this.#servedAt = now
  }

  failed(now: number, error: string): void {
    const slot = this.#slotAt(now)
    this.#failed[slot] = (this.#failed[slot] ?? 0) + 1
    this.#failures += 1
    this.#error = error
  }

  probed(result: ProbeResult): void {
    this.#probeBefore = this.#probe?.sentAt ?? 0
    this.#probe = result
    if (result.kind === "failed") {
      this.#probeFailures += 1
    } else {
      this.#probeFailures = 0
      this.notDown()
    }
  }

  /** Somebody saw it answer: it is worth a try again, but not more until one succeeds. */
  notDown(): void {
    this.#failures = Math.min(this.#failures, SUSPECT_AFTER)
  }

  /** Forgets all: it is another place now, or has another key. */
  forget(): void {
    this.#failures = this.#probeFailures = 0
    this.#served.fill(0)
    this.#failed.fill(0)
  }

  /** 0 to 1; null when there was no request in five minutes. */
  successRate(now: number): number | null {
    const { failed, served } = this.#count(now)
    return served + failed === 0 ? null : served / (served + failed)
  }

  verdict(now: number): Probed {
    if (this.#failures >= DOWN_AFTER) {
      return { health: "down", reason: brief(`${this.#failures} failures in a row: ${this.#error}`) }
    }
    if (this.#probeFailures > 0) {
      const isServing = this.#servedAt > this.#probeBefore
      const detail = this.#probe?.detail ?? ""
      return isServing
        ? { health: "degraded", reason: brief(`requests succeed, but the health probe fails: ${detail}`) }
        : { health: "down", reason: brief(`the health probe fails: ${detail}`) }
    }
    const { failed, served } = this.#count(now)
    const total = served + failed
    return total >= ENOUGH && served / total < DEGRADED_BELOW
      ? { health: "degraded", reason: `${failed} of ${total} requests failed in five minutes` }
      : { health: "healthy", reason: "it answers" }
  }

  #count(now: number) {
    const oldest = Math.floor(now / SLOT) - SLOTS
    let failed = 0
    let served = 0
    for (const [slot, time] of this.#slots.entries()) {
      if (time <= oldest) continue
      served += this.#served[slot] ?? 0
      failed += this.#failed[slot] ?? 0
    }
    return { failed, served }
  }

  #slotAt(now: number): number {
    const time = Math.floor(now / SLOT)
    const slot = time % SLOTS
    if (this.#slots[slot] === time) return slot
    this.#slots[slot] = time
    this.#served[slot] = this.#failed[slot] = 0
    return slot
  }
}

const brief = (text: string) => text.replaceAll(/\p{Cc}/gu, " ").slice(0, REASON)
