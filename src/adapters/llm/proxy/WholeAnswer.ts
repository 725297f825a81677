import { isAscii } from "node:buffer"
import type { IncomingHttpHeaders } from "node:http"
import type { Call } from "./Call.ts"
import { outputCharacters, outputCharactersIn } from "./estimates.ts"
import { errorInside, hasAnswer } from "./insideErrors.ts"
import { failed, type Judgement, statusOfError } from "./judge.ts"
import { eachField, type Fields, fieldsOf, findValue, isFields, type Span, spliced } from "./jsonFields.ts"
import { Pieces } from "./Pieces.ts"
import type { Lease } from "../../../gateway/routing/Route.ts"
import { asciiJson } from "./streamEvents.ts"
import { refusedWithOptions } from "./streamOptions.ts"
import type { UpstreamError } from "./upstreamErrors.ts"
import { type Answer, judgeError, refused, requestOf, served, type Verdict } from "./verdicts.ts"

/** Bytes that an answer may have which does not come in events. */
const LARGEST = 32 * 1024 * 1024
/** Larger ones, as lists of vectors are, are not read but searched. */
const READ_UP_TO = 64 * 1024

/** The part of an answer that has to be known to pass it on. */
interface Known {
  readonly model: Span | undefined
  readonly usage: unknown
  readonly error: UpstreamError | undefined
  readonly fields: Fields
}

const read = (text: string, json: string): Known | undefined => {
  const fields: unknown = JSON.parse(json)
  if (!isFields(fields)) return undefined
  const { model, usage } = fields
  return {
    model: typeof model === "string" ? findValue(text, 0, ["model"]) : undefined,
    usage,
    error: errorInside(fields),
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
  const error = errorInside({ error: valueOf("error"), base_resp: valueOf("base_resp") })
  return { model: isName ? model : undefined, usage: valueOf("usage"), error, fields: {} }
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
  readonly #usageAskedIn: Fields | undefined
  readonly #pieces = new Pieces()

  /** `usageAskedIn`: the fields of a request for a stream whose usage was asked for on our own account. */
  constructor(call: Call, lease: Lease, headers: IncomingHttpHeaders, usageAskedIn: Fields | undefined) {
    this.#call = call
    this.#lease = lease
    this.#headers = headers
    this.#usageAskedIn = usageAskedIn
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
    if (known.error !== undefined) {
      return this.#failedInside(known.error, bytes.toString("utf8", 0, READ_UP_TO))
    }
    if (this.#call.body?.isStream === true) return refused(failed("not_a_stream"))
    const isRead = bytes.length <= READ_UP_TO
    if (isRead && !hasAnswer(this.#call.route.path, known.fields)) return refused(failed("empty_answer"))
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

  #failedInside(error: UpstreamError, text: string): Verdict {
    const judgement = judgeError(error, text, this.#headers, requestOf(this.#call, this.#lease))
    const status = statusOfError(error)
    return refusedWithOptions({ status, text, usageAskedIn: this.#usageAskedIn }, judgement)
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
