import { ACCOUNT_POLICY, FORBIDDEN_CONTENT, knownErrors, type NamedKind } from "./knownErrors.ts"
import type { UpstreamError } from "./upstreamErrors.ts"

/**
 * The kind of an answer that is no success (gateway.md, rule 2): about the key, the account's money, one model of it,
 * one request of a caller, or the backend itself.
 */
export type ErrorKind =
  | NamedKind
  | "rate_limit"
  /** Of one model, whatever limits are per at the backend. */
  | "model_limit"
  /** A quota of one model. */
  | "model_quota"
  /** A route that has limits of its own. */
  | "route_limit"
  /** A request that alone is more than the limit. */
  | "too_large"
  /** 403, and nothing is said of the reason. */
  | "forbidden"
  | "caller"
  | "failed"

/** An error, and what it was an answer to. */
export interface Asked {
  readonly status: number
  readonly error: UpstreamError
  /** False for pages of HTML and other things that are no error of an API. */
  readonly isReadable?: boolean
  /** The backend's own name of the model. */
  readonly nativeId?: string
  /** Behind `/v1/`. */
  readonly route?: string
  /** True where the caller asked for a tier of service. */
  readonly hasTier?: boolean
}

const plain = (name: string) => name.toLowerCase().replace(/[^a-z0-9]/g, "")

const kindsByCode: ReadonlyMap<string, NamedKind> = new Map(
  (Object.keys(knownErrors) as Array<NamedKind>).flatMap((kind) =>
    knownErrors[kind].codes.map((code) => [plain(code), kind] as const),
  ),
)

/** The kind that the error's own names have; undefined where they are not known, or have none. */
export const kindByCode = ({ code, reasons = [], type }: UpstreamError): NamedKind | undefined => {
  for (const name of [...reasons, code, type]) {
    const kind = name === null ? undefined : kindsByCode.get(plain(name))
    if (kind !== undefined) return kind
  }
  return undefined
}

const byWords = ["quota", "key", "model", "tier", "absent", "content"] as const

/** The kind that an error's words have. */
export const kindByWords = ({ message }: UpstreamError): NamedKind | undefined => {
  const text = message.trim().replaceAll("\u2019", "'")
  return byWords.find((kind) => knownErrors[kind].words.some((words) => words.test(text)))
}

const QUOTED = /[`'"]([\w.:/@-]{1,200})[`'"]/g

/** True for an error about another model than the backend was asked for, which is the caller's own. */
const isOfOtherModel = ({ error: { message, param }, nativeId }: Asked): boolean => {
  if (nativeId === undefined || message.includes(nativeId)) return false
  if (param !== null && param !== "model") return true
  const name = nativeId.slice(nativeId.lastIndexOf("/") + 1)
  const named = [...message.matchAll(QUOTED)].flatMap(([, one]) => one ?? [])
  return named.length > 0 && !named.some((one) => one.includes(name) || nativeId.includes(one))
}

/** True for an error that names the model which the backend was asked for, and no field of the request. */
const isOfThisModel = ({ error: { message, param }, nativeId }: Asked): boolean =>
  nativeId !== undefined &&
  (param === null || param === "model") &&
  /\bmodels?\b/i.test(message) &&
  message.includes(nativeId)

const numberOf = (text: string | undefined) => Number((text ?? "").replaceAll(",", ""))
const LIMIT = /\blimit(?: of|:)? ([\d,]{1,20})/i
const REQUESTED = /\brequested:? ([\d,]{1,20})/i
const TOO_LARGE = /^(?:the |this |your )?(?:request|prompt|input)\b.{0,40}? (?:is )?too (?:large|long|big)\b/i
const LONG_CONTEXT = /^extra usage is required for long context/i

/** True where the request alone is more than is allowed at once: no waiting helps. */
const isTooLarge = ({ error: { message }, status }: Asked): boolean => {
  const limit = numberOf(LIMIT.exec(message)?.[1])
  if (limit > 0 && numberOf(REQUESTED.exec(message)?.[1]) > limit) return status === 429 || status === 413
  return status === 429 && (TOO_LARGE.test(message) || LONG_CONTEXT.test(message))
}

const NOTHING_ALLOWED = /\blimit:? 0\b(?!\.\d)/i
const hasReason = ({ error: { reasons = [] } }: Asked, words: RegExp) =>
  reasons.some((reason) => words.test(reason))

/** A 429: whose limit it is. */
const kindOfLimit = (asked: Asked): ErrorKind => {
  const { error } = asked
  const named = kindByCode(error) ?? kindByWords(error)
  if (named === "quota") return "quota"
  if (isTooLarge(asked)) return "too_large"
  if (NOTHING_ALLOWED.test(error.message)) return "model"
  if (named === "tier") return asked.hasTier === true ? "tier" : "model_limit"
  if (asked.route === "messages/count_tokens") return "route_limit"
  if (!hasReason(asked, /PerModel|^upstream_provider$/)) return "rate_limit"
  return hasReason(asked, /PerDay/) ? "model_quota" : "model_limit"
}

const isAboutContent = ({ message }: UpstreamError) =>
  FORBIDDEN_CONTENT.test(message) && !ACCOUNT_POLICY.test(message)

/** Other answers below 500, by what they say of themselves. */
const kindOfRefusal = (asked: Asked): ErrorKind => {
  const { error, status } = asked
  if (isTooLarge(asked)) return "too_large"
  const named = kindByCode(error) ?? kindByWords(error)
  if (named === "model") return isOfOtherModel(asked) ? "caller" : "model"
  if (named === "tier") return asked.hasTier === true ? "tier" : "model_limit"
  if (named === "absent") return status === 404 || status === 405 ? "absent" : "caller"
  if (named !== undefined) return named
  const isOfModel = isOfThisModel(asked)
  if (status === 404 && isOfModel) return "model"
  if (status === 403) {
    if (isAboutContent(error)) return "content"
    return isOfModel ? "model" : "forbidden"
  }
  return status === 498 || status === 499 ? "failed" : "caller"
}

/** The kind of an answer that is no success. */
export const errorKind = (asked: Asked): ErrorKind => {
  const { error, isReadable = true, status } = asked
  if (status === 402 || (status >= 400 && kindByCode(error) === "quota")) return "quota"
  if (status === 429) return kindOfLimit(asked)
  if (status === 529) return "rate_limit"
  if (status === 401) return "key"
  if (status < 400 || status >= 500 || status === 408) return "failed"
  // A firewall's page, or that of a server which has no such API.
  if (!isReadable && (status === 403 || status === 404 || status === 405)) return "failed"
  return kindOfRefusal(asked)
}
