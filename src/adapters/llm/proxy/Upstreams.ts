import { type Dispatcher, Pool } from "undici"
import { connector } from "./connections.ts"
import type { Api } from "../../../gateway/routing/Route.ts"
import { upstreamPath } from "./proxyRoutes.ts"
import { lookupFor, refusalOfUpstream } from "./upstreamAddress.ts"

/** A connection that nobody uses is kept so long, and longer only where the provider says so. */
const [KEPT_FOR, KEPT_AT_MOST] = [20_000, 120_000]
/** Each request has a time-out of its own for this; it is what ends attempts that nobody waits for any more. */
const CONNECT_WITHIN = 60_000
const HEADER_BYTES = 32 * 1024
/** So many different URLs are far more than there are providers. */
const MOST = 1_000

const poolFor = (url: URL, allowed: ReadonlySet<string>): Pool => {
  const lookup = lookupFor(url, allowed)
  return new Pool(url.origin, {
    allowH2: false,
    pipelining: 1,
    keepAliveTimeout: KEPT_FOR,
    keepAliveMaxTimeout: KEPT_AT_MOST,
    maxHeaderSize: HEADER_BYTES,
    // Requests watch the time themselves: comments of a stream are no signs of life.
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: connector({ allowH2: false, timeout: CONNECT_WITHIN, ...(lookup && { lookup }) }),
  })
}

interface UpstreamRequest {
  readonly api: Api
  /** The path behind `/v1/`. */
  readonly route: string
  /** Names and values in turn. */
  readonly headers: Array<string>
  readonly body: Buffer
}

/** A provider's URL, with its connections. */
export class Upstream {
  readonly #pool: Pool
  readonly #path: string

  constructor(url: URL, allowed: ReadonlySet<string>) {
    this.#pool = poolFor(url, allowed)
    this.#path = url.pathname
  }

  /** Sends a request; what becomes of it the handler is told, at once or later. */
  send(request: UpstreamRequest, handler: Dispatcher.DispatchHandler): void {
    const { api, body, headers, route } = request
    const path = upstreamPath(this.#path, api, route)
    this.#pool.dispatch({ method: "POST", path, headers, body }, handler)
  }

  destroy(): void {
    this.#pool.destroy(null, () => {})
  }
}

/** The providers that requests are sent to: one set of connections for each URL, kept open between requests. */
export class Upstreams {
  readonly #allowed: ReadonlySet<string>
  readonly #known = new Map<string, Upstream>()

  /** `allowed`: `host:port` of private addresses, in lower case. */
  constructor(allowed: ReadonlySet<string>) {
    this.#allowed = allowed
  }

  /** Undefined for a URL that requests must not go to. */
  at(baseUrl: string): Upstream | undefined {
    const known = this.#known.get(baseUrl)
    if (known !== undefined) return known
    if (refusalOfUpstream(baseUrl, this.#allowed) !== undefined) return undefined
    if (this.#known.size >= MOST) this.#forgetOldest()
    const upstream = new Upstream(new URL(baseUrl), this.#allowed)
    this.#known.set(baseUrl, upstream)
    return upstream
  }

  /** Ends all connections, whatever goes on on them. */
  destroy(): void {
    for (const upstream of this.#known.values()) upstream.destroy()
    this.#known.clear()
  }

  #forgetOldest(): void {
    const [oldest] = this.#known
    if (oldest === undefined) return
    this.#known.delete(oldest[0])
    oldest[1].destroy()
  }
}
