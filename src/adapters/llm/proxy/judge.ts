import type { IncomingHttpHeaders } from "node:http"
import { type ApiError, apiError } from "./apiErrors.ts"
import { retryAfterOf } from "./retryAfter.ts"
import type { Outcome } from "../../../gateway/routing/Route.ts"
import { toldText, type UpstreamError } from "./upstreamErrors.ts"

/** What an answer that is no success means (gateway.md, rule 2). */
export interface Judgement {
  readonly outcome: Outcome
  /** In one word, for records. */
  readonly error: string
  /** What the caller is told when it is the caller's own fault. */
  readonly told?: ApiError
}

/** What there is to judge by. */
export interface Evidence {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly error: UpstreamError
  readonly now: number
  /** The wait in milliseconds that the body asks for. */
  readonly retryDelay?: number | undefined
  /** Words of the error that must not come out, and what stands for them. */
  readonly instead: ReadonlyArray<readonly [string, string]>
}

const QUOTA = new Set([
  "insufficient_quota",
  "insufficient_balance",
  "insufficient_credits",
  "insufficient_user_quota",
  "billing_error",
  "billing_hard_limit_reached",
  "billing_not_active",
  "credits_exhausted",
  "exceeded_current_quota_error",
  "payment_required",
])
// Anchored: a caller's own text may come back further on in a message, and must not be able to cool a backend down.
const NO_CREDIT = /^(?:your )?(?:credit balance is too low|insufficient balance)/i

const isQuota = ({ error: { code, message, type }, status }: Evidence) =>
  status === 402 ||
  (code !== null && QUOTA.has(code.toLowerCase())) ||
  (type !== null && QUOTA.has(type.toLowerCase())) ||
  (status === 400 && NO_CREDIT.test(message))

const limited = ({ headers, now, retryDelay }: Evidence, reason: "rate_limit" | "quota"): Judgement => ({
  outcome: { kind: "rate_limited", reason, retryAfterMillis: retryAfterOf(headers, now, retryDelay) },
  error: reason === "quota" ? "quota" : "rate_limited",
})

const callersOwn = ({ error, instead, status }: Evidence): Judgement => {
  const { code, message, param, type } = error
  const text = toldText(message, instead) || `The provider refused the request (${status}).`
  return {
    outcome: { kind: "caller" },
    error: `http_${status}`,
    told: apiError(status, type ?? "invalid_request_error", code ?? "refused_by_provider", text, { param }),
  }
}

/** Whose fault an answer is that is no success, and what follows from it. */
export const judge = (evidence: Evidence): Judgement => {
  const { status } = evidence
  if (status >= 400 && isQuota(evidence)) return limited(evidence, "quota")
  if (status === 429 || status === 529) return limited(evidence, "rate_limit")
  if (status === 401) return { outcome: { kind: "key_fault", fault: "unauthorized" }, error: "unauthorized" }
  if (status === 403) return { outcome: { kind: "key_fault", fault: "forbidden" }, error: "forbidden" }
  if (status >= 400 && status < 500 && status !== 408) return callersOwn(evidence)
  return failed(status >= 300 && status < 400 ? "redirect" : `http_${status}`)
}

/** The backend's failure: another may be tried. */
export const failed = (error: string): Judgement => ({ outcome: { kind: "failed", error }, error })

const statuses: Record<string, number> = {
  rate_limit_error: 429,
  rate_limit_exceeded: 429,
  overloaded_error: 529,
  insufficient_quota: 429,
  authentication_error: 401,
  invalid_api_key: 401,
  permission_error: 403,
  invalid_request_error: 400,
  context_length_exceeded: 400,
  invalid_prompt: 400,
  not_found_error: 404,
  request_too_large: 413,
}

/** The status of an error that came without one, in a stream or under a 200. */
export const statusOfError = ({ code, type }: UpstreamError): number => {
  const number = Number(code ?? Number.NaN)
  if (Number.isInteger(number) && number >= 400 && number < 600) return number
  return statuses[code ?? ""] ?? statuses[type ?? ""] ?? 502
}

const connectionErrors: Record<string, string> = {
  ADDRESS_REFUSED: "address_refused",
  UND_ERR_CONNECT_TIMEOUT: "connect_timeout",
  ETIMEDOUT: "connect_timeout",
  ECONNREFUSED: "connection_refused",
  ENOTFOUND: "name_not_found",
  EAI_AGAIN: "name_not_found",
  ECONNRESET: "connection_lost",
  EPIPE: "connection_lost",
  UND_ERR_SOCKET: "connection_lost",
  UND_ERR_HEADERS_OVERFLOW: "headers_too_large",
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: "connection_lost",
}

/** A connection's error in one word. */
export const connectionError = (error: unknown): string => {
  if (!(error instanceof Error)) return "connection_failed"
  const code = "code" in error ? String(error.code) : ""
  const known = connectionErrors[code]
  if (known !== undefined) return known
  if (error.name === "HTTPParserError") return "not_http"
  return /CERT|TLS|SSL|SIGNED|VERIFY/.test(code) ? "certificate_refused" : "connection_failed"
}
