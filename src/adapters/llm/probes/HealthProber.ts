import type { GatewayOptions } from "../../../domain/Gateway.ts"
import { headersForUpstream } from "../proxy/forwarded.ts"
import { connectionError } from "../proxy/judge.ts"
import { upstreamPath } from "../proxy/proxyRoutes.ts"
import type { Route } from "../../../gateway/routing/Route.ts"
import type { Timers } from "../../../gateway/routing/Timers.ts"
import type { ProbeResult } from "../../../gateway/routing/Vitals.ts"

/** A GET, of which only the status matters: no redirects, no body, guarded addresses. Fails with what went wrong. */
export type Ask = (request: {
  readonly url: URL
  /** Names and values in turn, the key among them. */
  readonly headers: Array<string>
  /** Aborted when the time is up. */
  readonly signal: AbortSignal
}) => Promise<number>

/** Milliseconds within which a backend is probed for the first time. */
const FIRST_WITHIN = 1_000
/** Of the interval, more or less: nodes and backends are not to ask all at once. */
const JITTER = 0.1
const API = "/v1/"

/**
 * The URL at which a backend is asked how it is. What is behind `/v1/` is there as requests find it, whatever
 * the base has for `/v1`; any other path is the host's.
 */
export const healthUrl = ({ backend }: Route, path: string): URL => {
  const { api, api_base_url } = backend
  const base = new URL(api_base_url)
  return path.startsWith(API)
    ? new URL(upstreamPath(base.pathname, api, path.slice(API.length)), base)
    : new URL(path, base)
}

const judged = (status: number): Pick<ProbeResult, "kind" | "detail"> => {
  const detail = `http_${status}`
  if (status === 401) return { kind: "unauthorized", detail }
  if (status === 403) return { kind: "forbidden", detail }
  if (status >= 500 || status === 408) return { kind: "failed", detail }
  return { kind: status >= 200 && status < 300 ? "ok" : "answered", detail }
}

/** Something that a probe needs from outside. */
export interface Probing {
  readonly timers: Timers
  readonly ask: Ask
  /** From 0 to below 1. */
  readonly random: () => number
  /** True if this node is the one that asks. */
  readonly isMine: () => boolean
  readonly report: (backend: string, result: ProbeResult) => void
}

interface Rota {
  route: Route
  stop: () => void
}

/**
 * Asks each enabled backend in turn how it is (provider-gateway.md, Health), one node for all: providers are asked
 * once in an interval, however many nodes there are. A backend that cools is asked, too; one whose key is not
 * taken all the more.
 */
export class HealthProber {
  readonly #probing: Probing
  #options: GatewayOptions | undefined
  readonly #rotas = new Map<string, Rota>()
  readonly #closing = new AbortController()

  constructor(probing: Probing) {
    this.#probing = probing
  }

  /** Takes over the log's newest word. */
  update(routes: ReadonlyArray<Route>, options: GatewayOptions): void {
    const isOther = this.#options?.health_interval_seconds !== options.health_interval_seconds
    this.#options = options
    const asked = new Map(routes.filter(isAsked).map((route) => [route.backend.id, route]))
    for (const [id, { route, stop }] of this.#rotas) {
      if (!isOther && isSame(route, asked.get(id))) continue
      stop()
      this.#rotas.delete(id)
    }
    for (const [id, route] of asked) {
      const known = this.#rotas.get(id)
      if (known === undefined) this.#add(route)
      else known.route = route
    }
  }

  /** No timer runs any longer, and who is asked is let go. */
  close(): void {
    this.#closing.abort()
    for (const { stop } of this.#rotas.values()) stop()
    this.#rotas.clear()
  }

  #add(route: Route): void {
    const rota: Rota = { route, stop: () => {} }
    this.#rotas.set(route.backend.id, rota)
    this.#after(rota, FIRST_WITHIN * this.#probing.random())
  }

  #after(rota: Rota, millis: number): void {
    rota.stop = this.#probing.timers.after(millis, () => void this.#turn(rota))
  }

  async #turn(rota: Rota): Promise<void> {
    const { isMine, random, report } = this.#probing
    if (isMine()) {
      const { backend } = rota.route
      const result = await this.#probe(rota.route)
      if (this.#closing.signal.aborted) return
      report(backend.id, result)
    }
    const interval = (this.#options?.health_interval_seconds ?? 0) * 1_000
    // It may have been taken off the rota meanwhile.
    if (this.#rotas.get(rota.route.backend.id) !== rota) return
    this.#after(rota, interval * (1 + JITTER * (2 * random() - 1)))
  }

  async #probe(route: Route): Promise<ProbeResult> {
    const { ask, timers } = this.#probing
    const { api, key_version: keyVersion } = route.backend
    const sentAt = Math.floor(timers.now())
    const since = performance.now()
    const over = new AbortController()
    const stop = timers.after((this.#options?.health_timeout_seconds ?? 0) * 1_000, () => over.abort())
    const headers = headersForUpstream({ accept: "application/json" }, api, route.key ?? "")
    const signal = AbortSignal.any([over.signal, this.#closing.signal])
    const url = healthUrl(route, this.#options?.health_path ?? API)
    const answer = await ask({ url, headers, signal })
      .then(judged)
      .catch((error: unknown) => ({
        kind: "failed" as const,
        detail: over.signal.aborted ? "timeout" : connectionError(error),
      }))
    stop()
    return { ...answer, keyVersion, sentAt, millis: Math.round(performance.now() - since) }
  }
}

const isSame = ({ backend: before }: Route, now: Route | undefined) =>
  before.key_version === now?.backend.key_version && before.api_base_url === now.backend.api_base_url

const isAsked = ({ backend, key }: Route) => backend.is_enabled && key !== undefined
