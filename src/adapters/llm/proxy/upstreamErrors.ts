import { isFields } from "./jsonFields.ts"

/** A provider's words on a failure, in whichever shape; nothing of it is fit to be shown as it is. */
export interface UpstreamError {
  readonly message: string
  readonly type: string | null
  readonly code: string | null
  readonly param: string | null
}

/** True if there is something in a field `error`: many have it with null in it where all is well. */
export const isError = (value: unknown): boolean =>
  isFields(value) || (typeof value === "string" && value !== "")

/** Names as errors have them: never text. */
const NAME = /^[\w.:[\]-]{1,100}$/
const nameOf = (value: unknown): string | null => {
  const name = typeof value === "number" ? String(value) : value
  return typeof name === "string" && NAME.test(name) ? name : null
}

const textOf = (value: unknown): string => (typeof value === "string" ? value : "")

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
    }
  }
  const { code, detail, message, param, type } = value
  const text = textOf(error) || textOf(message) || textOf(detail)
  return { message: text, type: nameOf(type), code: nameOf(code), param: nameOf(param) }
}

/** The same, of text that may be no JSON: then nothing is known. */
export const upstreamErrorIn = (text: string): UpstreamError => {
  try {
    return upstreamErrorOf(JSON.parse(text))
  } catch {
    return nothing
  }
}

const LONGEST_READ = 4_000
const LONGEST_TOLD = 500
// Control characters, and those that turn text around or can't be seen.
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]+/gu
const KEY_LIKE =
  /\b(?:sk|pk|rk|tb|gsk|xai|key|org|proj|api)[-_][\w*.-]{6,}|\bAIza[\w-]{10,}|\bBearer\s+\S+|\b[A-Za-z0-9_-]{32,}\b/gi

/**
 * A provider's words for a caller: short, without control characters and without anything that looks like a key.
 * `instead`: words that must not come out, and what stands for them.
 */
export const toldText = (message: string, instead: ReadonlyArray<readonly [string, string]>): string => {
  let text = message.slice(0, LONGEST_READ)
  for (const [word, other] of instead) if (word !== "") text = text.replaceAll(word, other)
  const clean = text.replace(UNSEEN, " ").replace(KEY_LIKE, "***").trim()
  return clean.length <= LONGEST_TOLD ? clean : `${clean.slice(0, LONGEST_TOLD).trim()}...`
}
