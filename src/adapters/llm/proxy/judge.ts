import type { IncomingHttpHeaders } from "node:http"
import { type ApiError, apiError } from "./apiErrors.ts"
import { type Asked, type ErrorKind, errorKind, kindByCode, kindByWords } from "./errorKind.ts"
import { retryAfterOf } from "./retryAfter.ts"
import type { Outcome } from "../../../gateway/routing/Route.ts"
import { timeOutText } from "./timeOutTexts.ts"
import { toldText, type UpstreamError } from "./upstreamErrors.ts"

/** The meaning of an answer that is no success (gateway.md, rule 2). */
export interface Judgement {
  readonly outcome: Outcome
  /** In one word, for records. */
  readonly error: string
  /** The error that the caller is told when it is the caller's own fault. */
  readonly told?: ApiError
  /** The words for the caller when no other backend serves. */
  readonly otherwise?: ApiError
}

/** The parts of a request by which the answer to it is judged. */
export interface Request extends Pick<Asked, "nativeId" | "route" | "hasTier"> {
  /** Words of the error that must not come out, and what stands for them. */
  readonly instead: ReadonlyArray<readonly [string, string]>
}

/** The evidence to judge by. */
export interface Evidence extends Request, Asked {
  readonly headers: IncomingHttpHeaders
  readonly now: number
  /** The wait in milliseconds that the body asks for. */
  readonly retryDelay?: number | undefined
}

/** From here on clients hang without a word where they are told to wait. */
const TOO_LONG_TO_WAIT = 60_000

/** The provider's answer as the caller is told of it: in its words, under our names. */
const toldOf = (
  { error: { message, param, type }, instead, status }: Evidence,
  code: string,
  more: Partial<ApiError> = {},
): ApiError => {
  const text = toldText(message, instead) || `The provider refused the request (${status}).`
  return apiError(more.status ?? status, type ?? "invalid_request_error", code, text, { param, ...more })
}

const waitOf = ({ headers, now, retryDelay }: Evidence) => retryAfterOf(headers, now, retryDelay)

const limited = (
  evidence: Evidence,
  reason: "rate_limit" | "quota" | "model",
  more: { readonly isOfModel?: true } = {},
): Outcome => ({ kind: "rate_limited", reason, retryAfterMillis: waitOf(evidence), ...more })

/** A limit that is this request's alone: the caller may ask for less, or again in a moment. */
const ofThisRequest = (
  evidence: Evidence,
  error: string,
  told: Pick<ApiError, "status" | "type">,
): Judgement => {
  const wait = waitOf(evidence)
  const waits = told.status === 429 && wait !== null && wait < TOO_LONG_TO_WAIT
  return {
    outcome: { kind: "misfit", isUrgent: true, isOfProvider: false },
    error,
    otherwise: toldOf(evidence, error, { ...told, ...(waits ? { retryAfterMillis: wait } : {}) }),
  }
}

const keyFault = (fault: "unauthorized" | "forbidden", otherwise?: ApiError): Judgement => ({
  outcome: { kind: "key_fault", fault },
  error: fault,
  ...(otherwise === undefined ? {} : { otherwise }),
})

const REFUSED = "refused_by_provider"

const judgements: Readonly<Record<ErrorKind, (evidence: Evidence) => Judgement>> = {
  rate_limit: (evidence) => ({ outcome: limited(evidence, "rate_limit"), error: "rate_limited" }),
  model_limit: (evidence) => ({
    outcome: limited(evidence, "rate_limit", { isOfModel: true }),
    error: "rate_limited",
  }),
  quota: (evidence) => ({ outcome: limited(evidence, "quota"), error: "quota" }),
  model_quota: (evidence) => ({ outcome: limited(evidence, "quota", { isOfModel: true }), error: "quota" }),
  key: () => keyFault("unauthorized"),
  forbidden: (evidence) =>
    keyFault("forbidden", toldOf(evidence, evidence.error.code ?? REFUSED, { type: "permission_error" })),
  model: (evidence) => ({
    outcome: limited(evidence, "model", { isOfModel: true }),
    error: "model_not_there",
    otherwise: toldOf(evidence, "model_not_found", {
      status: 404,
      type: "invalid_request_error",
      param: "model",
    }),
  }),
  content: (evidence) => ({
    outcome: { kind: "misfit", isUrgent: true, isOfProvider: true },
    error: "content_refused",
    otherwise: toldOf(
      evidence,
      kindByCode(evidence.error) === "content"
        ? (evidence.error.code ?? "content_policy_violation")
        : "content_policy_violation",
    ),
  }),
  too_large: (evidence) =>
    ofThisRequest(evidence, "request_too_large", { status: 413, type: "invalid_request_error" }),
  tier: (evidence) => ofThisRequest(evidence, "tier_limited", { status: 429, type: "rate_limit_error" }),
  route_limit: (evidence) =>
    ofThisRequest(evidence, "route_limited", { status: 429, type: "rate_limit_error" }),
  absent: (evidence) => ({
    outcome: { kind: "misfit", isUrgent: false, isOfProvider: false },
    error: "route_not_there",
    otherwise: toldOf(evidence, evidence.error.code ?? REFUSED),
  }),
  caller: (evidence) => ({
    outcome: { kind: "caller" },
    error: `http_${evidence.status}`,
    told: toldOf(evidence, evidence.error.code ?? REFUSED),
  }),
  failed: ({ status }) => failed(status >= 300 && status < 400 ? "redirect" : `http_${status}`),
}

/** The fault behind an answer that is no success, and what follows from it. */
export const judge = (evidence: Evidence): Judgement => judgements[errorKind(evidence)](evidence)

/** The end of an answer of which the caller has a part already. */
export const brokenOff = ({ error, otherwise, outcome, told }: Judgement): ApiError => {
  const status = outcome.kind === "rate_limited" && outcome.reason === "rate_limit" ? 529 : 502
  const timeOut = timeOutText(error)
  const text = `The provider's answer broke off${timeOut === undefined ? "." : `: ${timeOut}.`}`
  return told ?? otherwise ?? apiError(status, "upstream_error", "stream_interrupted", text)
}

/** The backend's failure: another may be tried. */
export const failed = (error: string): Judgement => ({ outcome: { kind: "failed", error }, error })

const statuses = new Map(
  Object.entries({
    rate_limit_error: 429,
    rate_limit_exceeded: 429,
    rate_limit_reached_error: 429,
    engine_overloaded_error: 429,
    RESOURCE_EXHAUSTED: 429,
    base_resp_1002: 429,
    base_resp_1039: 429,
    base_resp_1041: 429,
    overloaded_error: 529,
    insufficient_quota: 429,
    authentication_error: 401,
    invalid_api_key: 401,
    permission_error: 403,
    permission_denied_error: 403,
    PERMISSION_DENIED: 403,
    invalid_request_error: 400,
    INVALID_ARGUMENT: 400,
    FAILED_PRECONDITION: 400,
    context_length_exceeded: 400,
    invalid_prompt: 400,
    base_resp_1042: 400,
    base_resp_2013: 400,
    not_found_error: 404,
    request_too_large: 413,
  }),
)

/** Statuses that would have come with errors of these kinds. */
const statusOfKind = { key: 401, quota: 402, model: 404, content: 400, tier: 429, absent: 404 } as const

/** The status of an error that came without one, in a stream or under a 200. */
export const statusOfError = (error: UpstreamError): number => {
  const { code, type } = error
  const number = Number(code ?? Number.NaN)
  if (Number.isInteger(number) && number >= 400 && number < 600) return number
  const known = statuses.get(code ?? "") ?? statuses.get(type ?? "")
  if (known !== undefined) return known
  const kind = kindByCode(error) ?? kindByWords(error)
  return kind === undefined ? 502 : statusOfKind[kind]
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
