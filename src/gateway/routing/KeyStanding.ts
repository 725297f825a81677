import type { KnownBackend } from "../../domain/Backend.ts"
import { millisOf } from "../instants.ts"
import type { Outcome } from "./Route.ts"

type Fault = Extract<Outcome, { readonly kind: "key_fault" }>["fault"]

/** The provider's opinion of a backend's key: as the log has it, and what was seen here since. */
export class KeyStanding {
  #onLog: KnownBackend["fault"] = null
  /** Seen here; done with once it has been on the log and is no more. */
  #seen: { readonly fault: Fault; isOnLog: boolean } | undefined
  #wasProbedGood = false
  /** Probes find this key good and requests do not: the provider lists its models to everybody. */
  #isMisjudged = false

  get isGood(): boolean {
    return this.#onLog === null && this.#seen === undefined
  }

  /** True if the log should hear of it: once for each key. */
  refused(fault: Fault): boolean {
    if (!this.isGood) return false
    this.#isMisjudged ||= this.#wasProbedGood
    this.#seen = { fault, isOnLog: false }
    return true
  }

  /**
   * A health probe sent at this time was answered as it should be; whether the log should hear that the key is
   * good again. That the models may be listed says nothing of a key that is forbidden more.
   */
  probedGood(sentAt: number): boolean {
    const fault = this.#onLog?.reason ?? this.#seen?.fault
    if (fault !== "unauthorized" || this.#isMisjudged) return false
    if (this.#onLog !== null && sentAt <= millisOf(this.#onLog.since)) return false
    this.#seen = undefined
    this.#wasProbedGood = true
    return true
  }

  follow(fault: KnownBackend["fault"]): void {
    this.#onLog = fault
    if (fault !== null && this.#seen !== undefined) this.#seen.isOnLog = true
    if (fault === null && this.#seen?.isOnLog === true) this.#seen = undefined
  }

  /** Forgets what was seen: it is another key, or goes to another place, or an operator wants it tried. */
  forget(): void {
    this.#seen = undefined
    this.#wasProbedGood = this.#isMisjudged = false
  }
}
