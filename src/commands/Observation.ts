import type { Health, KeyFault } from "../domain/Backend.ts"
import type { LimitReason } from "../domain/cooldowns.ts"

/**
 * An observation of the router that belongs on the log; told when it changes what the router knows. Times are
 * of the clock, in milliseconds.
 */
export type Observation =
  | {
      readonly kind: "rate_limited"
      readonly backend: string
      /** Canonical. Null, and wherever limits are per backend: the whole backend. */
      readonly model: string | null
      readonly reason: typeof LimitReason.Type
      /** The model alone is limited, whatever limits are per at this backend. */
      readonly isOfModel?: boolean
      readonly retryAfterMillis: number | null
      readonly sentAt: number
      readonly at: number
    }
  | {
      readonly kind: "succeeded"
      readonly backend: string
      readonly model: string | null
      readonly sentAt: number
    }
  | {
      readonly kind: "key_fault"
      readonly backend: string
      readonly fault: typeof KeyFault.Type
      readonly keyVersion: string
      readonly at: number
    }
  | { readonly kind: "emergency"; readonly isOpen: boolean; readonly model: string }

/** The outcome of a health probe. */
export interface Probed {
  readonly health: typeof Health.Type
  readonly reason: string
}
