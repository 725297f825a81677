import type { IncomingHttpHeaders } from "node:http"
import type { Api } from "../../../gateway/routing/Route.ts"

/** Of the caller's headers these go on to a provider; everything else stays here. */
const toUpstream = [
  "accept",
  "user-agent",
  "traceparent",
  "idempotency-key",
  "openai-beta",
  "anthropic-version",
  "anthropic-beta",
]
const ANTHROPIC_VERSION = "2023-06-01"

/** Names and values in turn, for a provider: by list, and with our own key. */
export const headersForUpstream = (headers: IncomingHttpHeaders, api: Api, key: string): Array<string> => {
  const sent = ["content-type", "application/json", "accept-encoding", "identity"]
  if (api === "anthropic-messages") {
    sent.push("x-api-key", key)
    if (headers["anthropic-version"] === undefined) sent.push("anthropic-version", ANTHROPIC_VERSION)
  } else sent.push("authorization", `Bearer ${key}`)
  for (const name of toUpstream) {
    const value = headers[name]
    if (typeof value === "string") sent.push(name, value)
  }
  return sent
}

const kept = new Set([
  // About the connection, or about bytes that may be others here (RFC 9110).
  "connection",
  "keep-alive",
  "proxy-connection",
  "request-id",
  "proxy-authenticate",
  "proxy-authentication-info",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "content-encoding",
  "content-length",
  "content-type",
  "content-md5",
  "digest",
  "etag",
  "date",
  "age",
  "expires",
  "cache-control",
  "vary",
  "via",
  // The provider's own, or about our account there.
  "alt-svc",
  "authorization",
  "location",
  "nel",
  "openai-organization",
  "openai-project",
  "report-to",
  "reporting-endpoints",
  "retry-after",
  "retry-after-ms",
  "server",
  "server-timing",
  "set-cookie",
  "set-cookie2",
  "set-login",
  "strict-transport-security",
  "www-authenticate",
  "x-ms-retry-after-ms",
  "x-powered-by",
  "x-should-retry",
  // Ours.
  "x-accel-buffering",
  "x-content-type-options",
  "x-frame-options",
  "x-request-id",
])
/** A provider does not decide who may read us from a page, nor what we say of limits. */
const KEPT =
  /^(?:access-control-|anthropic-organization|anthropic-ratelimit-|clear-site-data|content-security-policy|cross-origin-|permissions-policy|ratelimit|refresh|referrer-policy|sec-|x-accel-|x-crewlog-|x-ratelimit-|crewlog-)/

const known = new Map<string, boolean>()
const MOST_KNOWN = 1_000

const passes = (name: string): boolean => {
  const answer = known.get(name)
  if (answer !== undefined) return answer
  const decided = !kept.has(name) && !KEPT.test(name) && /^[a-z\d_-]{1,100}$/.test(name)
  if (known.size < MOST_KNOWN) known.set(name, decided)
  return decided
}

const FIT = /^[\t\x20-\x7e]{0,4096}$/

/** Names and values in turn: what of a provider's headers a caller may see, after those that are `ours`. */
export const headersForClient = (headers: IncomingHttpHeaders, ours: Array<string>): Array<string> => {
  const { connection } = headers
  const named = connection === undefined ? "" : `,${connection.toLowerCase().replaceAll(" ", "")},`
  for (const name in headers) {
    const value = headers[name]
    if (typeof value !== "string" || !passes(name) || !FIT.test(value)) continue
    if (named === "" || !named.includes(`,${name},`)) ours.push(name, value)
  }
  return ours
}
