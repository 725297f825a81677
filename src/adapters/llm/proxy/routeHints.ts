import { type ApiError, apiError, type Dialect } from "./apiErrors.ts"
import { isOfStored, proxyRoutes } from "./proxyRoutes.ts"
import { storedElsewhere } from "./proxyRefusals.ts"

const PREFIX = "/v1/"
const paths = [...proxyRoutes.values()].map(({ path }) => path)
/** Longest first: one may be the end of another. */
const endpoints = [...paths, "models"].toSorted((one, other) => other.length - one.length)
const HERE = `It has POST ${paths.map((path) => PREFIX + path).join(", ")}, and GET /v1/models.`

const OPENAI_BASE = "this gateway's address with /v1 and nothing behind it (OPENAI_BASE_URL)"
const ANTHROPIC_BASE = "this gateway's address without /v1 or any other path (ANTHROPIC_BASE_URL)"

const notFound = (message: string): ApiError =>
  apiError(404, "invalid_request_error", "route_not_found", message)

/** The route that a path was meant for whose client has another base URL than it should. */
const meantBy = (path: string): string | undefined => {
  // Only the first slash of a run begins a match: a long path costs its length.
  const bare = path.replace(/(?<!\/)\/+$/, "")
  return endpoints.find((endpoint) => bare.endsWith(`/${endpoint}`) && path !== PREFIX + endpoint)
}

const wrongBase = (path: string, endpoint: string, dialect: Dialect): ApiError => {
  const isAnthropic = endpoint.startsWith("messages") || (endpoint === "models" && dialect === "anthropic")
  const base = isAnthropic ? ANTHROPIC_BASE : OPENAI_BASE
  return notFound(
    `There is no ${shown(path)}: set the client's base URL to ${base}, so that it asks for ${PREFIX}${endpoint}.`,
  )
}

const LONGEST = 200
const shown = (path: string) => path.slice(0, LONGEST)

/** The reason why there is nothing at a path, and what to set or what there is instead. */
export const refusalOfPath = (method: string, path: string, dialect: Dialect): ApiError => {
  if (isOfStored(method, path)) return storedElsewhere
  const endpoint = meantBy(path)
  return endpoint === undefined
    ? notFound(`The gateway has no ${shown(path)}. ${HERE}`)
    : wrongBase(path, endpoint, dialect)
}

/** Base URLs that clients are given in place of one with /v1. */
const misplaced = new Set(
  ["", "/api", "/openai", "/anthropic", "/api/v1", "/openai/v1", "/anthropic/v1"].flatMap((base) =>
    endpoints.map((endpoint) => `${base}/${endpoint}`),
  ),
)

/** True for requests to providers, and for those that were meant to be some: the proxy tells what they should have been. */
export const isForProviders = (url: string): boolean => {
  if (url.startsWith(PREFIX)) return true
  const mark = url.indexOf("?")
  return misplaced.has(mark < 0 ? url : url.slice(0, mark))
}

/** Codex asks for a WebSocket first, and goes on without one where it is told this. */
export const noWebSocket = apiError(
  426,
  "invalid_request_error",
  "no_websocket",
  "There is no WebSocket here: send POST /v1/responses, with stream: true for events.",
  { headers: { upgrade: "HTTP/1.1", connection: "Upgrade" } },
)
