import { Context } from "effect"

/** The standing of a backend on this node, just now. */
export interface BackendStanding {
  /** Requests that the token bucket would let through at once. */
  readonly rpmLeft: number
  readonly inFlight: number
  /** Of the newest health probe; null before the first. */
  readonly probeMillis: number | null
  /** Failures in a row, of requests and probes. */
  readonly failuresInARow: number
  /** Share of the requests of the last five minutes that were served, 0 to 1; null when there was none. */
  readonly successRate: number | null
}

export interface RouterSnapshot {
  /** Requests that have a lease. */
  readonly inFlight: number
  /** Requests that wait for one. */
  readonly queueDepth: number
  /** By id; a backend without a route has none. */
  readonly backends: ReadonlyMap<string, BackendStanding>
}

/** The standing of this node's router: for metrics and the dashboard. */
export class RouterStatus extends Context.Service<
  RouterStatus,
  {
    /** Cheap: asked every second by each who watches. */
    readonly snapshot: () => RouterSnapshot
  }
>()("crewlog/gateway/routing/RouterStatus") {}
