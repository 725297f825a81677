import { type Fields, fieldsOf, isFields } from "./jsonFields.ts"

/** A provider's words on a failure, in whichever shape; nothing of it is fit to be shown as it is. */
export interface UpstreamError {
  readonly message: string
  readonly type: string | null
  readonly code: string | null
  readonly param: string | null
  /** Further names that it gives its reason, where it does. */
  readonly reasons?: ReadonlyArray<string>
}

const WELL = new Set<unknown>([undefined, null, "", 0, "0", 200, "200", false])
/** Codes of success. */
const FINE = new Set<unknown>([0, "0", 200, "200"])

/** True for a field `error` that tells of one: many have it with null or nothing in it where all is well. */
export const isError = (value: unknown): boolean =>
  isFields(value)
    ? !FINE.has(value["code"]) && Object.values(value).some((part) => !WELL.has(part))
    : typeof value === "string" && value !== ""

/** Names as errors have them: never text. */
const NAME = /^[\w.:[\]-]{1,100}$/
const nameOf = (value: unknown): string | null => {
  const name = typeof value === "number" ? String(value) : value
  return typeof name === "string" && NAME.test(name) ? name : null
}

/** FastAPI's way to say what is wrong with which field. */
const faultText = (fault: unknown): string => {
  const { loc, msg } = fieldsOf(fault)
  if (typeof msg !== "string") return ""
  if (!Array.isArray(loc)) return msg
  const place = loc.filter((part) => typeof part === "string" || typeof part === "number")
  return `${place.join(".")}: ${msg}`
}

/** Details within details that are read. */
const DEEPEST = 4

const textOf = (value: unknown, depth = 0): string => {
  if (typeof value === "string") return value
  if (Array.isArray(value)) return value.map(faultText).filter(Boolean).join("; ")
  return isFields(value) && depth < DEEPEST ? textOf(value["detail"], depth + 1) : ""
}

const listOf = (value: unknown): ReadonlyArray<Fields> =>
  Array.isArray(value) ? value.map((part: unknown) => fieldsOf(part)) : []

/** OpenRouter's metadata: what its moderation found, or whose limit it was that was not its own. */
const inMetadata = ({ flagged_input, provider_name, reasons }: Fields): ReadonlyArray<string> => [
  ...(flagged_input !== undefined || Array.isArray(reasons) ? ["moderation_error"] : []),
  ...(typeof provider_name === "string" ? ["upstream_provider"] : []),
]

/** Google's reasons and the quotas that are meant, Azure's inner code, and OpenRouter's metadata. */
const reasonsOf = ({ details, innererror, metadata }: Fields): Pick<UpstreamError, "reasons"> => {
  const quotas = listOf(details).flatMap(({ violations }) => listOf(violations))
  const names = [
    ...listOf(details).map(({ reason }) => reason),
    ...quotas.map(({ quotaId }) => quotaId),
    fieldsOf(innererror)["code"],
    ...inMetadata(fieldsOf(metadata)),
  ].flatMap((name) => nameOf(name) ?? [])
  return names.length === 0 ? {} : { reasons: names }
}

const nothing: UpstreamError = { message: "", type: null, code: null, param: null }

/** Reads the error in a body: OpenAI's, Anthropic's, Google's (a list) or one of the many plain ones. */
export const upstreamErrorOf = (body: unknown): UpstreamError => {
  const value: unknown = Array.isArray(body) ? body[0] : body
  if (!isFields(value)) return nothing
  const error = value["error"]
  if (isFields(error)) {
    const { code, message, param, status, type } = error
    return {
      message: textOf(message),
      type: nameOf(type) ?? nameOf(status),
      code: nameOf(code),
      param: nameOf(param),
      ...reasonsOf(error),
    }
  }
  const { code, detail, errors, message, msg, param, type } = value
  if (error === undefined && Array.isArray(errors)) return upstreamErrorOf({ error: errors[0] ?? "" })
  const text = textOf(error) || textOf(message) || textOf(detail) || textOf(msg)
  return { message: text, type: nameOf(type), code: nameOf(code), param: nameOf(param) }
}

/** The same, of text that may be no JSON: then nothing is known. */
export const upstreamErrorIn = (text: string): UpstreamError => upstreamErrorOf(jsonIn(text))

/** The value of a text that may be no JSON: then undefined. */
export const jsonIn = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Stands for what is secret. */
export const MASK = "***"
const LONGEST_READ = 4_000
const LONGEST_TOLD = 500
// Control characters, and those that turn text around or can't be seen.
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]+/gu
const WORD = /[A-Za-z0-9_*.-]{8,}/g
const BEARER = /\bBearer\s+(?=\S*[\d._-]\w)[^\s'"`,;)]+/gi
/** As the keys of known providers begin, and ours. */
const KEY_BEGINS =
  /^(?:sk|pk|rk|tb|gsk|xai|hf|r8|nvapi|pplx|ghp|fw|csk)[-_][\w*.-]{6,}|^AIza[\w-]{10,}|^eyJ[\w.-]{20,}/i
/** Names of accounts, and keys of those who call them so; names of fields begin so, too, and have no digits. */
const ACCOUNT_BEGINS = /^(?:org|proj|key|api)[-_](?=[\w*.-]*\d)[\w*.-]{6,}/i
/** Names that a caller was given for what it made, which are no secret. */
const GIVEN_NAME =
  /^(?:call|fc|msg|resp|rs|toolu|srvtoolu|item|file|chatcmpl|cmpl|req|run|thread|vs|batch)[-_]/i
/** Letters and digits in one go, as no word has them. */
const OPAQUE = /(?=[A-Za-z]*\d)(?=\d*[A-Za-z])[A-Za-z0-9]{24,}/

const isKeyLike = (word: string): boolean =>
  KEY_BEGINS.test(word) ||
  ACCOUNT_BEGINS.test(word) ||
  word.includes(MASK) ||
  (OPAQUE.test(word) && !GIVEN_NAME.test(word))

/** A sentence's full stop is none of a word. */
const masked = (word: string): string => {
  const name = word.replace(/\.+$/, "")
  return isKeyLike(name) ? `${MASK}${word.slice(name.length)}` : word
}

/** A word where it stands alone, and not as a part of another. */
const replacedWhole = (text: string, word: string, other: string): string =>
  text.replaceAll(new RegExp(`(?<![\\w-])${word.replaceAll(/[^\w]/g, "\\$&")}(?![\\w-])`, "g"), () => other)

/**
 * A provider's words for a caller: short, without control characters and without anything that looks like a key.
 * `instead`: words that must not come out, and what stands for them.
 */
export const toldText = (message: string, instead: ReadonlyArray<readonly [string, string]>): string => {
  let text = message.slice(0, LONGEST_READ)
  for (const [word, other] of instead) {
    if (word !== "") text = other === MASK ? text.replaceAll(word, other) : replacedWhole(text, word, other)
  }
  const clean = text.replace(UNSEEN, " ").replace(BEARER, MASK).replace(WORD, masked).trim()
  return clean.length <= LONGEST_TOLD ? clean : `${clean.slice(0, LONGEST_TOLD).trim()}...`
}
