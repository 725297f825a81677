import { type ChoiceNews, choiceNews } from "./Choices.ts"
import { dataOf, endOfEvent, jsonOf, onOneLine } from "./events.ts"
import { type Fields, fieldsOf, findValue, isFields } from "./jsonFields.ts"
import type { Wire } from "./proxyRoutes.ts"
import { errorInside } from "./insideErrors.ts"
import { isError, type UpstreamError, upstreamErrorOf } from "./upstreamErrors.ts"

/** The content of a stream's event. */
export interface StreamEvent {
  /** Something for the caller: text, a call of a tool, the reason why it is over. */
  readonly isOutput: boolean
  /** The answer is complete; what comes behind it does not matter. */
  readonly isEnd: boolean
  /** There is nothing more to say, though the end itself may yet come. */
  readonly isFinish: boolean
  readonly usage?: unknown
  /** Beside its usage there is nothing in it, unless the answer was not complete before. */
  readonly isUsageAlone: false | "always" | "after the finish"
  /** The choices that it tells of. */
  readonly choices?: ReadonlyArray<ChoiceNews>
  readonly error?: UpstreamError
  /** All of it, where there is something to count. */
  readonly json?: Fields
}

const silent: StreamEvent = {
  isOutput: false,
  isEnd: false,
  isFinish: false,
  isUsageAlone: false,
}
const output: StreamEvent = { ...silent, isOutput: true }
const end: StreamEvent = { ...output, isEnd: true, isFinish: true }

const isSome = (value: unknown): boolean => {
  if (typeof value === "string" || Array.isArray(value)) return value.length > 0
  return typeof value === "object" && value !== null ? Object.keys(value).length > 0 : Boolean(value)
}

const hasOutput = (choice: Fields): boolean => {
  if (isSome(choice["text"])) return true
  const delta = fieldsOf(choice["delta"])
  for (const key in delta) if (key !== "role" && isSome(delta[key])) return true
  return false
}

/** The usage of an event: on top, or where Moonshot (in a choice) and Groq have it. */
const usageIn = (data: Fields, choices: ReadonlyArray<Fields>): unknown =>
  data["usage"] ??
  choices.find((choice) => isFields(choice["usage"]))?.["usage"] ??
  fieldsOf(data["x_groq"])["usage"]

const isUsageAlone = (
  usage: unknown,
  choices: ReadonlyArray<Fields>,
  isFinish: boolean,
): StreamEvent["isUsageAlone"] => {
  if (!isFields(usage) || choices.some(hasOutput)) return false
  return isFinish || choices.some((choice) => isSome(fieldsOf(choice["delta"])["role"]))
    ? "after the finish"
    : "always"
}

const openAiEvent = (data: Fields): StreamEvent => {
  const error = errorInside(data)
  if (error !== undefined) return { ...silent, error }
  const choices = Array.isArray(data["choices"]) ? data["choices"].map(fieldsOf) : []
  const usage = usageIn(data, choices)
  const news = choices.map(choiceNews)
  const isFinish = news.some(({ isFinished }) => isFinished)
  return {
    isOutput: isFinish || choices.some(hasOutput),
    isEnd: false,
    isFinish,
    usage,
    isUsageAlone: isUsageAlone(usage, choices, isFinish),
    choices: news,
  }
}

const anthropicEvent = (data: Fields): StreamEvent => {
  switch (data["type"]) {
    case "error":
      return { ...silent, error: upstreamErrorOf(data) }
    case "message_start":
      return { ...silent, usage: fieldsOf(data["message"])["usage"] }
    case "message_delta": {
      const isFinish = isSome(fieldsOf(data["delta"])["stop_reason"])
      return { ...silent, usage: data["usage"], isOutput: isFinish, isFinish }
    }
    case "message_stop":
      return end
    case "content_block_start": {
      const block = fieldsOf(data["content_block"])
      const isEmpty = block["type"] === "text" ? !isSome(block["text"]) : block["type"] === "thinking"
      return isEmpty ? silent : output
    }
    case "content_block_delta":
      return output
    default:
      return isError(data["error"]) ? { ...silent, error: upstreamErrorOf(data) } : silent
  }
}

const responsesEvent = (data: Fields): StreamEvent => {
  const type = String(data["type"])
  const response = fieldsOf(data["response"])
  if (type === "error") {
    return { ...silent, error: upstreamErrorOf(isFields(data["error"]) ? data : { error: data }) }
  }
  if (isError(data["error"])) return { ...silent, error: upstreamErrorOf(data) }
  if (type === "response.failed") return { ...silent, error: upstreamErrorOf(response) }
  if (type === "response.completed" || type === "response.incomplete") {
    return { ...end, usage: response["usage"] }
  }
  return (type.endsWith(".delta") && isSome(data["delta"])) || type === "response.output_item.done"
    ? output
    : silent
}

const QUOTE = 0x22

const readers: Record<Wire, (data: Fields) => StreamEvent> = {
  openai: openAiEvent,
  anthropic: anthropicEvent,
  responses: responsesEvent,
}

const ERROR_EVENT = /^event: ?error\r?$/m
const done: StreamEvent = { ...end, isOutput: false }

/** The content of an event; what can't be read says nothing, and is passed on. */
export const streamEvent = (wire: Wire, event: string): StreamEvent => {
  const data = dataOf(event)
  if (data.startsWith("[DONE]")) return done
  const json = jsonOf(data)
  if (!isFields(json)) return silent
  // OpenAI's client goes by the name of the event as well.
  if (wire === "openai" && ERROR_EVENT.test(event)) {
    return { ...silent, error: upstreamErrorOf(isError(json["error"]) ? json : { error: json }) }
  }
  const said = readers[wire](json)
  return said.isOutput ? { ...said, json } : said
}

// In JSON a key that stands inside of text has its quotes escaped.
const notable: Record<Wire, RegExp> = {
  openai: /"(?:error"|base_resp"|usage"\s*:\s*\{|finish_reason"\s*:\s*"[^"])|\[DONE\]|event: ?error/g,
  anthropic: /"error"|"usage"\s*:\s*\{|message_st|message_delta/g,
  responses: /"error"|"response"\s*:|\[DONE\]/g,
}

/**
 * The place, from `from` on, of the next event that may have to be read; -1 when all are ordinary: output or
 * noise, as most are. Seen without parsing any.
 */
export const nextNotable = (wire: Wire, events: string, from: number): number => {
  const search = notable[wire]
  search.lastIndex = from
  return search.test(events) ? search.lastIndex - 1 : -1
}

/** The paths at which events have the model. */
const modelPaths: Record<Wire, ReadonlyArray<string>> = {
  openai: ["model"],
  anthropic: ["message", "model"],
  responses: ["response", "model"],
}

/** Puts the caller's name of the model in place of the provider's, in the events of one stream. */
export class ModelNames {
  readonly #path: ReadonlyArray<string>
  readonly #name: string
  readonly #isInAll: boolean
  /** The events of a stream begin alike, up to and with the model: what they begin with, before and after. */
  #before = "\0"
  #after = ""
  #isSame = false

  constructor(wire: Wire, name: string) {
    this.#path = modelPaths[wire]
    // ASCII, so that one character is one byte.
    this.#name = asciiJson(name)
    this.#isInAll = wire === "openai"
  }

  /** Adds one event to `out`. */
  add(event: string, out: Array<string>): void {
    if (event.startsWith(this.#before)) this.#named(event, out)
    else this.#search(event, out)
  }

  /** Adds ordinary events to `out`. */
  addAll(events: string, out: Array<string>): void {
    if (!this.#isInAll) return void out.push(events)
    if (endOfEvent(events, 0) === events.length) return this.add(events, out)
    // Most often all of them begin alike: there is one such beginning for each end.
    const behind = events.split(this.#before)
    if (behind[0] === "" && behind.length === events.split("\n\n").length) {
      return void out.push(this.#isSame ? events : behind.join(this.#after))
    }
    for (let at = 0; at < events.length;) {
      const end = endOfEvent(events, at)
      this.add(events.slice(at, end), out)
      at = end
    }
  }

  /** An event that begins as the one before. */
  #named(event: string, out: Array<string>): void {
    if (this.#isSame) out.push(event)
    else out.push(this.#after, event.slice(this.#before.length))
  }

  #search(event: string, out: Array<string>): void {
    const span = findValue(event, event.indexOf("{"), this.#path)
    const isName = span !== undefined && event.charCodeAt(span.start) === QUOTE
    if (!isName) {
      const single = span === undefined ? onOneLine(event) : undefined
      if (single === undefined) out.push(event)
      else this.#search(single, out)
      return
    }
    const { end, start } = span
    this.#isSame = event.slice(start, end) === this.#name
    this.#before = event.slice(0, end)
    this.#after = event.slice(0, start) + this.#name
    out.push(this.#after, event.slice(end))
  }
}

const PLAIN = /^[\w.:/@-]*$/

/** JSON with everything but ASCII escaped. */
export const asciiJson = (text: string): string =>
  PLAIN.test(text)
    ? `"${text}"`
    : JSON.stringify(text).replace(
        /[\u0080-\uffff]/g,
        (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
      )
