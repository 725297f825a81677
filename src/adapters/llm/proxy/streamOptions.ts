import { refused, type Verdict } from "./verdicts.ts"
import type { Judgement } from "./judge.ts"

/** The words for `stream_options` in a refusal, in whichever spelling and wherever in its body. */
const NAMED = /stream[\W_]*options?|include[\W_]*usage|\busage\b.{0,40}\bstream|\bstream.{0,40}\busage\b/i
/** The words of a refusal for a field that it does not name. */
const UNNAMED =
  /\b(?:unknown|unrecogni[sz]ed|unexpected|unsupported|extra|additional|not (?:be )?(?:supported|permitted|allowed|recogni[sz]ed))\b/i
/** The statuses of a request that could not be read as it was. */
const UNREAD = new Set([400, 422])

/** How sure a refusal is about `stream_options`, by the text of its body; undefined when it is about something else. */
const refusalOfStreamOptions = (status: number, text: string): "named" | "guessed" | undefined => {
  if (status < 400) return undefined
  if (NAMED.test(text)) return "named"
  return UNREAD.has(status) && UNNAMED.test(text) ? "guessed" : undefined
}

/** The verdict on a request with `stream_options` of ours that was answered with this text in place of output. */
export const refusedWithOptions = (status: number, text: string, judgement: Judgement): Verdict => {
  const about = refusalOfStreamOptions(status, text)
  return about === undefined
    ? refused(judgement)
    : { kind: "no_stream_options", isGuessed: about === "guessed", judgement }
}

/** A backend at its URL: another URL is another provider. */
interface Asked {
  readonly id: string
  readonly api_base_url: string
}

const keyOf = ({ api_base_url, id }: Asked) => `${id} ${api_base_url}`

/** The backends that were found to take `stream_options`, and those that were found not to. */
export class StreamOptions {
  readonly #taking = new Set<string>()
  readonly #refusing = new Set<string>()

  isRefusedBy(backend: Asked): boolean {
    return this.#refusing.has(keyOf(backend))
  }

  isTakenBy(backend: Asked): boolean {
    return this.#taking.has(keyOf(backend))
  }

  noteTaken(backend: Asked): void {
    this.#taking.add(keyOf(backend))
  }

  noteRefused(backend: Asked): void {
    this.#refusing.add(keyOf(backend))
  }
}
