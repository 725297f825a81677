import type { ModelMapping } from "../../domain/ModelMapping.ts"
import type { Lane } from "../../domain/Usage.ts"
import type { Candidate, Wanted } from "./choose.ts"
import type { Api, Journey, Lease, NoLease, Outcome, Route } from "./Route.ts"
import type { RoutedBackend } from "./RoutedBackend.ts"

const NONE: ReadonlyArray<RoutedBackend> = []

/** The wishes of a request. */
export interface Request {
  /** Canonical. */
  readonly model: string
  /** The wires on which its route can be sent. */
  readonly apis: ReadonlyArray<Api>
  /** The signal that is aborted when it goes away, and asked for only when the request has to wait. */
  readonly client?: { readonly isGone: boolean; readonly signal: AbortSignal } | undefined
}

/** The guide that moves a request along. */
export interface Guide {
  readonly next: (journey: RoutedJourney) => Lease | NoLease | Promise<Lease | NoLease>
  readonly isTried: (journey: RoutedJourney) => boolean
  readonly accepted: (lease: GrantedLease) => void
  readonly settled: (lease: GrantedLease, outcome: Outcome) => void
}

/** A request and where it has been. The router alone writes its fields. */
export class RoutedJourney implements Journey, Wanted {
  readonly model: string
  readonly apis: ReadonlyArray<Api>
  readonly client: Request["client"]
  excluded = NONE
  excludedInEmergency = NONE
  tries = 0
  triesInEmergency = 0
  /** Milliseconds that it may still wait in the queue. */
  patience: number
  isWaiting = false
  /** Another backend may serve it at once, or none: what it was told would be told again. */
  isUrgent = false
  /** Not settled yet. */
  lease: GrantedLease | undefined
  readonly #guide: Guide

  constructor(guide: Guide, { apis, client, model }: Request, patience: number) {
    this.#guide = guide
    this.model = model
    this.apis = apis
    this.client = client
    this.patience = patience
  }

  /** Takes one try more. */
  take(candidate: Candidate, lane: typeof Lane.Type, now: number): GrantedLease {
    this.lease = new GrantedLease(this.#guide, this, candidate, lane, now)
    if (lane === "emergency") {
      this.triesInEmergency += 1
      this.excludedInEmergency = [...this.excludedInEmergency, candidate.backend]
    } else {
      this.tries += 1
    }
    return this.lease
  }

  /** A cooldown keeps it away by itself, and a backend that has cooled down is as good as any other. */
  settle({ backend }: GrantedLease, outcome: Outcome): void {
    this.lease = undefined
    if (hasFailed(outcome)) this.excluded = [...this.excluded, backend]
    if (outcome.kind === "misfit") this.isUrgent ||= outcome.isUrgent
  }

  readonly isTried = () => this.#guide.isTried(this)

  readonly next = () => {
    if (this.lease !== undefined || this.isWaiting) {
      throw new Error("a request has one lease at a time: settle it before the next")
    }
    return this.#guide.next(this)
  }
}

/** True where the backend would fail the same request again. */
const hasFailed = (outcome: Outcome) =>
  outcome.kind === "failed" ||
  outcome.kind === "key_fault" ||
  outcome.kind === "misfit" ||
  (outcome.kind === "rate_limited" && outcome.reason === "model")

/** The right of one journey to one backend. */
export class GrantedLease implements Lease {
  readonly journey: RoutedJourney
  readonly backend: RoutedBackend
  readonly route: Route
  readonly mapping: ModelMapping
  readonly lane: typeof Lane.Type
  /** Milliseconds since 1970. */
  readonly sentAt: number
  isProbe = false
  readonly #guide: Guide

  constructor(
    guide: Guide,
    journey: RoutedJourney,
    { backend, mapping }: Candidate,
    lane: typeof Lane.Type,
    sentAt: number,
  ) {
    this.#guide = guide
    this.journey = journey
    this.backend = backend
    this.route = backend.route
    this.mapping = mapping
    this.lane = lane
    this.sentAt = sentAt
  }

  readonly accepted = () => {
    if (this.journey.lease === this) this.#guide.accepted(this)
  }

  readonly settle = (outcome: Outcome) => {
    if (this.journey.lease !== this) return
    this.journey.settle(this, outcome)
    this.#guide.settled(this, outcome)
  }
}
