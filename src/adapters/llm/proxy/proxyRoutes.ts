import type { Dialect } from "./apiErrors.ts"
import type { Api } from "../../../gateway/routing/Route.ts"

/** The way in which streams of a route are written. */
export type Wire = "openai" | "anthropic" | "responses"

/** A route that goes on to a provider. */
export interface ProxyRoute {
  /** Behind `/v1/`, here and there. */
  readonly path: string
  readonly dialect: Dialect
  readonly wire: Wire
  /** The wires of which a backend has to speak one. */
  readonly apis: ReadonlyArray<Api>
  readonly canStream: boolean
  /** True if a stream tells its usage only when asked to with `stream_options`. */
  readonly hasStreamOptions: boolean
}

const route = (
  path: string,
  wire: Wire,
  apis: ReadonlyArray<Api>,
  { canStream = false, hasStreamOptions = false } = {},
): readonly [path: string, route: ProxyRoute] => [
  `/v1/${path}`,
  { path, dialect: wire === "anthropic" ? "anthropic" : "openai", wire, apis, canStream, hasStreamOptions },
]

const openAi: ReadonlyArray<Api> = ["openai-completions", "openai-responses"]
const text = { canStream: true, hasStreamOptions: true }

/** By path. */
export const proxyRoutes: ReadonlyMap<string, ProxyRoute> = new Map([
  route("chat/completions", "openai", openAi, text),
  route("completions", "openai", openAi, text),
  route("embeddings", "openai", openAi),
  route("responses", "responses", ["openai-responses"], { canStream: true }),
  route("messages", "anthropic", ["anthropic-messages"], { canStream: true }),
  route("messages/count_tokens", "anthropic", ["anthropic-messages"]),
])

const STORED = [
  /^(?:GET|DELETE) \/v1\/responses\/[^/]+$/,
  /^GET \/v1\/responses\/[^/]+\/input_items$/,
  /^POST \/v1\/responses\/[^/]+\/cancel$/,
  /^(?:GET|POST|DELETE) \/v1\/chat\/completions\/[^/]+$/,
  /^GET \/v1\/chat\/completions\/[^/]+\/messages$/,
]

/** True if a route is about an answer that was given before: only the provider that gave it may have kept it. */
export const isOfStored = (method: string, path: string): boolean =>
  STORED.some((route) => route.test(`${method} ${path}`))

const VERSIONED = /\/v\d+[a-z\d]*$/

/**
 * The path of a provider's route: what is in the base URL, and `path`. Bases come as the providers' own clients take
 * them: OpenAI's end in `/v1` (or are bare hosts), Anthropic's are without it.
 */
export const upstreamPath = (base: string, api: Api, path: string): string => {
  const prefix = base.replace(/\/+$/, "")
  const isWhole = prefix === "" ? false : api !== "anthropic-messages" || VERSIONED.test(prefix)
  return `${prefix}${isWhole ? "" : "/v1"}/${path}`
}
