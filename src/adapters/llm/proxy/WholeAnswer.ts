import { isAscii } from "node:buffer"
import type { IncomingHttpHeaders } from "node:http"
import type { Call } from "./Call.ts"
import { outputCharacters, outputCharactersIn } from "./estimates.ts"
import { failed, type Judgement, statusOfError } from "./judge.ts"
import { eachField, type Fields, fieldsOf, findValue, isFields, type Span, spliced } from "./jsonFields.ts"
import { Pieces } from "./Pieces.ts"
import type { Lease } from "../../../gateway/routing/Route.ts"
import { asciiJson } from "./streamEvents.ts"
import { refusedWithOptions } from "./streamOptions.ts"
import { isError, upstreamErrorOf } from "./upstreamErrors.ts"
import { type Answer, insteadOf, judgeError, refused, served, type Verdict } from "./verdicts.ts"

/** Bytes that an answer may have which does not come in events. */
const LARGEST = 32 * 1024 * 1024
/** Larger ones, as lists of vectors are, are not read but searched. */
const READ_UP_TO = 64 * 1024

/** What has to be known of an answer to pass it on. */
interface Known {
  readonly model: Span | undefined
  readonly usage: unknown
  readonly error: unknown
  readonly fields: Fields
}

const read = (text: string, json: string): Known | undefined => {
  const fields: unknown = JSON.parse(json)
  if (!isFields(fields)) return undefined
  const { error, model, usage } = fields
  return {
    model: typeof model === "string" ? findValue(text, 0, ["model"]) : undefined,
    usage,
    error,
    fields,
  }
}

const searched = (text: string): Known | undefined => {
  const spans = new Map<string, Span>()
  const end = eachField(text, 0, (key, start, end) => void spans.set(key, { start, end }))
  if (end < 0 || text.slice(end).trim() !== "") return undefined
  const valueOf = (key: string): unknown => {
    const span = spans.get(key)
    return span === undefined ? undefined : JSON.parse(text.slice(span.start, span.end))
  }
  const model = spans.get("model")
  const isName = model !== undefined && text[model.start] === '"'
  return { model: isName ? model : undefined, usage: valueOf("usage"), error: valueOf("error"), fields: {} }
}

/** JSON behind a byte order mark is JSON to the official clients. */
const withoutMark = (bytes: Buffer): Buffer =>
  bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes

/** The usage in a choice, where Moonshot has it. */
const usageOfChoice = ({ choices }: Fields): unknown =>
  Array.isArray(choices) ? choices.map(fieldsOf).find(({ usage }) => isFields(usage))?.["usage"] : undefined

/** An answer that is passed on when all of it is here: until then another backend can serve. */
export class WholeAnswer implements Answer {
  readonly isCommitted = false
  readonly isComplete = false
  readonly #call: Call
  readonly #lease: Lease
  readonly #headers: IncomingHttpHeaders
  readonly #hasAskedUsage: boolean
  readonly #pieces = new Pieces()

  /** `hasAskedUsage`: a stream and its usage were asked for, the usage on our own account. */
  constructor(call: Call, lease: Lease, headers: IncomingHttpHeaders, hasAskedUsage: boolean) {
    this.#call = call
    this.#lease = lease
    this.#headers = headers
    this.#hasAskedUsage = hasAskedUsage
  }

  push(chunks: ReadonlyArray<Buffer>): Verdict | undefined {
    for (const chunk of chunks) this.#pieces.add(chunk)
    return this.#pieces.size > LARGEST ? refused(failed("answer_too_large")) : undefined
  }

  fail(judgement: Judgement): Verdict {
    return refused(judgement)
  }

  end(): Verdict {
    if (this.#pieces.size === 0) return refused(failed("empty_answer"))
    const bytes = withoutMark(this.#pieces.whole)
    const text = bytes.toString("latin1")
    const known = this.#know(bytes, text)
    if (known === undefined) return refused(failed("bad_answer"))
    if (isError(known.error)) return this.#failedInside(known.error)
    if (this.#call.body?.isStream === true) return refused(failed("not_a_stream"))
    this.#take(known, bytes)
    this.#passOn(bytes, text, known)
    return served
  }

  #know(bytes: Buffer, text: string): Known | undefined {
    try {
      if (bytes.length > READ_UP_TO) return searched(text)
      return read(text, isAscii(bytes) ? text : bytes.toString("utf8"))
    } catch {
      return undefined
    }
  }

  #failedInside(error: unknown): Verdict {
    const said = upstreamErrorOf({ error })
    const text = JSON.stringify(error)
    const instead = insteadOf(this.#lease, this.#call.body?.model ?? "")
    const judgement = judgeError(said, text, this.#headers, instead)
    return this.#hasAskedUsage ? refusedWithOptions(statusOfError(said), text, judgement) : refused(judgement)
  }

  #take({ fields, usage }: Known, bytes: Buffer): void {
    const call = this.#call
    // Counting tokens costs none.
    if (call.route.path === "messages/count_tokens") return
    call.note(usage)
    call.hasOutput = true
    if (call.usage === undefined) call.note(usageOfChoice(fields))
    if (call.usage !== undefined || call.route.path === "embeddings") return
    const isSearched = bytes.length > READ_UP_TO
    call.characters = isSearched ? outputCharactersIn(bytes.toString("utf8")) : outputCharacters(fields)
  }

  #passOn(bytes: Buffer, text: string, { model }: Known): void {
    const call = this.#call
    const headers = call.answerHeaders(this.#headers, "application/json")
    const name = asciiJson(call.body?.model ?? "")
    const isSame = model === undefined || text.slice(model.start, model.end) === name
    this.#lease.accepted()
    if (bytes.length > READ_UP_TO) {
      const whole = isSame ? bytes : spliced(bytes, [{ ...model, text: name }])
      headers.push("content-length", String(whole.length))
      call.response.writeHead(200, headers).end(whole)
    } else {
      // Short text goes out together with its headers.
      const whole = isSame ? text : text.slice(0, model.start) + name + text.slice(model.end)
      headers.push("content-length", String(whole.length))
      call.response.writeHead(200, headers).end(whole, "latin1")
    }
  }
}
