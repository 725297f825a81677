import type { BackendApi, KeyFault, KnownBackend } from "../../domain/Backend.ts"
import type { LimitReason } from "../../domain/cooldowns.ts"
import type { ModelMapping } from "../../domain/ModelMapping.ts"
import type { Lane } from "../../domain/Usage.ts"

export type Api = typeof BackendApi.Type

/** A backend as requests need it: its state on the log, and its key. */
export interface Route {
  readonly backend: KnownBackend
  /** As it goes into the upstream's header; undefined while it is not known here. Never logged. */
  readonly key: string | undefined
}

/** A request that this backend does not take, which says nothing of others: it is not sent there again. */
export interface Misfit {
  readonly kind: "misfit"
  /** The request may be sent where another backend is free at once, and waits for none. */
  readonly isUrgent: boolean
  /** All keys at this provider would refuse it. */
  readonly isOfProvider: boolean
}

/** The end of one try at a backend. */
export type Outcome =
  | { readonly kind: "ok" }
  | {
      readonly kind: "rate_limited"
      readonly reason: typeof LimitReason.Type
      readonly retryAfterMillis: number | null
      /** The model alone is limited, whatever limits are per at the backend. */
      readonly isOfModel?: boolean
    }
  /** `request` tells requests apart: one that is forbidden may itself be the reason, two that differ are not. */
  | { readonly kind: "key_fault"; readonly fault: typeof KeyFault.Type; readonly request?: string }
  | Misfit
  /** 408, 5xx, no connection, no answer in time, a stream that broke: health counts it, another may be tried. */
  | { readonly kind: "failed"; readonly error: string }
  /** 400, 404, 413, 422: the caller's own fault; says nothing about the backend. */
  | { readonly kind: "caller" }
  /** The client went away, or its own time was up. */
  | { readonly kind: "aborted" }

/** The right to send one request to one backend, once. */
export interface Lease {
  readonly route: Route
  readonly mapping: ModelMapping
  readonly lane: typeof Lane.Type
  /** The first after a cooldown: others wait for how it ends. */
  readonly isProbe: boolean
  /** Once its answer is committed to (2xx and real output): a probe need not wait for the end of a long answer. */
  readonly accepted: () => void
  /** Must be called exactly once; what comes after the first does nothing. */
  readonly settle: (outcome: Outcome) => void
}

/** The reason that there is no lease. `unknown_model`: no backend maps it at all. */
export interface NoLease {
  readonly kind: "unknown_model" | "exhausted" | "queue_full" | "aborted"
  /** Milliseconds until a backend may be asked again, as far as is known. */
  readonly retryAfterMillis: number
}

/**
 * A request on its way through the backends: each is tried at most once in a lane, and again only after a
 * cooldown that it ran into has ended.
 */
export interface Journey {
  /** At once where one is free; a promise while it waits in the queue. Throws while the lease before is not settled. */
  readonly next: () => Lease | NoLease | Promise<Lease | NoLease>
  /** True once no backend is left that could serve it if it waited. */
  readonly isTried: () => boolean
}

export type { Observation, Probed } from "../../commands/Observation.ts"
