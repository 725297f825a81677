import type { KnownBackend } from "../../domain/Backend.ts"
import { millisOf } from "../instants.ts"
import type { Outcome } from "./Route.ts"

type Refusal = Extract<Outcome, { readonly kind: "key_fault" }>

/**
 * Milliseconds for which a probe is not believed that found a key good which requests found bad: some providers list
 * their models to everybody. Doubled each time, up to the longest.
 */
const [DOUBTED_FOR, DOUBTED_AT_MOST] = [120_000, 3_600_000]

/** The provider's opinion of a backend's key: as the log has it, and what was seen here since. */
export class KeyStanding {
  #onLog: KnownBackend["fault"] = null
  /** Seen here; done with once it has been on the log and is no more. */
  #seen: { readonly since: number; isOnLog: boolean } | undefined
  /** The request that was forbidden, with none served since: another one that is forbidden makes it the key's fault. */
  #forbidden: string | undefined
  #wasProbedGood = false
  #provenBadAt = 0
  /** The number of times that a probe found this key good and requests did not. */
  #misjudged = 0

  get isGood(): boolean {
    return this.#onLog === null && this.#seen === undefined
  }

  /** True where the log should hear of it: once for each key, and of a request that is forbidden only with a second one. */
  refused({ fault, request }: Pick<Refusal, "fault" | "request">, now: number): boolean {
    if (!this.isGood) return false
    if (fault === "forbidden" && !this.#isForbiddenAnew(request)) return false
    if (this.#wasProbedGood) this.#misjudged += 1
    this.#wasProbedGood = false
    this.#seen = { since: now, isOnLog: false }
    this.#provenBadAt = now
    return true
  }

  /** A request that was sent at this time was served; whether the log should hear that the key is good again. */
  served(sentAt: number): boolean {
    this.#forbidden = undefined
    if (sentAt > this.#provenBadAt) this.#trust()
    return this.#clear(sentAt)
  }

  /** A health probe sent at this time was answered as it should be; whether the log should hear of it. */
  probedGood(sentAt: number): boolean {
    if (this.isGood || sentAt < this.#since + this.#doubtedFor) return false
    const isNews = this.#clear(sentAt)
    this.#wasProbedGood ||= isNews
    return isNews
  }

  follow(fault: KnownBackend["fault"]): void {
    // Another node's requests found bad what a probe of this one found good.
    if (fault !== null && fault.since !== this.#onLog?.since && this.#wasProbedGood) {
      this.#misjudged += 1
      this.#wasProbedGood = false
      this.#provenBadAt = millisOf(fault.since)
    }
    this.#onLog = fault
    if (fault !== null && this.#seen !== undefined) this.#seen.isOnLog = true
    if (fault === null && this.#seen?.isOnLog === true) this.#seen = undefined
  }

  /** Forgets what was seen: it is another key, or goes to another place, or an operator wants it tried. */
  forget(): void {
    this.#seen = undefined
    this.#forbidden = undefined
    this.#trust()
  }

  /** Probes are believed at once again. */
  #trust(): void {
    this.#wasProbedGood = false
    this.#misjudged = 0
  }

  get #since(): number {
    return Math.max(this.#onLog === null ? 0 : millisOf(this.#onLog.since), this.#seen?.since ?? 0)
  }

  get #doubtedFor(): number {
    return this.#misjudged === 0 ? 0 : Math.min(DOUBTED_AT_MOST, DOUBTED_FOR * 2 ** (this.#misjudged - 1))
  }

  #clear(sentAt: number): boolean {
    if (this.isGood || sentAt <= this.#since) return false
    this.#seen = undefined
    return true
  }

  /** A request that can't be told apart is one of its own. */
  #isForbiddenAnew(request: string | undefined): boolean {
    const isOther = this.#forbidden !== undefined && (request === undefined || request !== this.#forbidden)
    this.#forbidden = request ?? ""
    return isOther
  }
}
