import type { Judgement } from "./judge.ts"
import type { Fields } from "./jsonFields.ts"
import { refused, type Verdict } from "./verdicts.ts"

/** Statuses that are never about a field of the request. */
const OTHERS: ReadonlySet<number> = new Set([401, 402, 403, 407, 408, 413, 429, 451, 498, 499])
/** Statuses of a request that could not be read as it was. */
const UNREAD: ReadonlySet<number> = new Set([400, 422])

/** The words for `stream_options` in a refusal, in whichever spelling and wherever in its body. */
const NAMED = /stream[\W_]*options?|include[\W_]*usage|\busage\b.{0,40}\bstream|\bstream.{0,40}\busage\b/i
/** The words of a refusal for some field. */
const SOME_FIELD =
  /\b(?:extra|additional|unknown|unrecogni[sz]ed|unexpected|unsupported|undefined)\b[\w\s-]{0,30}\b(?:inputs?|fields?|arguments?|param(?:eter)?s?|keys?|keywords?|propert(?:y|ies))\b/i
/** The words of a refusal for something that it does not name. */
const UNNAMED =
  /\b(?:unknown|unrecogni[sz]ed|unexpected|unsupported|extra|additional|not (?:be )?(?:supported|permitted|allowed|recogni[sz]ed))\b/i
/** Words that stand in errors about anything. */
const COMMON = new Set(["model", "messages", "prompt", "stream", "user", "stop", "input", "tools"])

/** True if a text has the name of a field that is the caller's own. */
const namesOneOf = (fields: Fields, text: string): boolean => {
  const words = new Set(text.split(/\W+/))
  return Object.keys(fields).some((field) => !COMMON.has(field) && words.has(field))
}

/** An answer in place of output. */
interface Refusal {
  readonly status: number
  readonly text: string
  /** Fields of a request that asked for the usage of a stream on our own account. */
  readonly usageAskedIn: Fields | undefined
}

/** The certainty that a refusal is about the `stream_options` that we added; undefined when it is about something else. */
const aboutOptions = ({ status, text, usageAskedIn }: Refusal): "named" | "guessed" | undefined => {
  if (usageAskedIn === undefined || status < 400 || OTHERS.has(status)) return undefined
  if (NAMED.test(text)) return "named"
  const isAboutSome = status < 500 && (UNREAD.has(status) ? UNNAMED : SOME_FIELD).test(text)
  return isAboutSome && !namesOneOf(usageAskedIn, text) ? "guessed" : undefined
}

/** The verdict on a refusal: it may be that of the options that we added. */
export const refusedWithOptions = (refusal: Refusal, judgement: Judgement): Verdict => {
  const about = aboutOptions(refusal)
  return about === undefined
    ? refused(judgement)
    : { kind: "no_stream_options", isGuessed: about === "guessed", judgement }
}

/** A backend at its URL: another URL is another provider. */
interface Place {
  readonly id: string
  readonly api_base_url: string
}

const keyOf = ({ api_base_url, id }: Place) => `${id} ${api_base_url}`

/** The backends that were found to take `stream_options`, and those that were found not to. */
export class StreamOptions {
  readonly #taking = new Set<string>()
  readonly #refusing = new Set<string>()

  isRefusedBy(place: Place): boolean {
    return this.#refusing.size > 0 && this.#refusing.has(keyOf(place))
  }

  isTakenBy(place: Place): boolean {
    return this.#taking.has(keyOf(place))
  }

  noteTaken(place: Place): void {
    this.#taking.add(keyOf(place))
  }

  noteRefused(place: Place): void {
    this.#refusing.add(keyOf(place))
  }
}
