import { LineEnds } from "./LineEnds.ts"

/**
 * Cuts a stream of bytes into server-sent events. Text has one character a byte, so that characters and events
 * which are split between chunks do no harm, and what is not touched goes out as it came in.
 */
export class Events {
  /** The beginning of an event whose end has not come, and its newest pieces: of many small ones one is made. */
  #rest = ""
  #pieces: Array<string> = []
  #held = 0
  /** The last characters: a blank line may begin in them. Only what is new is searched, however slowly it drips. */
  #seam = ""
  readonly #lineEnds = new LineEnds()

  /** Adds chunks; answers the events that are whole now, one after another, each with its blank line. */
  push(chunks: ReadonlyArray<Buffer>): string {
    const [only, ...others] = chunks
    if (only === undefined) return ""
    const bytes = others.length === 0 ? only : Buffer.concat(chunks)
    const text = this.#lineEnds.take(bytes.toString("latin1"))
    return text === "" ? "" : this.#add(text)
  }

  #add(text: string): string {
    const seen = this.#seam === "" ? text : this.#seam + text
    const end = endOfLast(seen) - this.#seam.length
    if (end <= 0) {
      this.#hold(text)
      this.#seam = seen.slice(-2)
      return ""
    }
    const whole = end === text.length ? text : text.slice(0, end)
    const events = this.#held === 0 ? whole : this.rest + whole
    this.#seam = this.#rest = ""
    this.#held = 0
    if (end < text.length) {
      this.#hold(text.slice(end))
      this.#seam = text.slice(end).slice(-2)
    }
    return events
  }

  /** Characters that wait for the end of their event. */
  get held(): number {
    return this.#held
  }

  /** The beginning of an event whose end never came. */
  get rest(): string {
    this.#rest += this.#pieces.join("")
    this.#pieces = []
    return this.#rest
  }

  #hold(text: string): void {
    this.#held += text.length
    if (this.#pieces.push(text) < MANY) return
    this.#rest += this.#pieces.join("")
    this.#pieces = []
  }
}

/** So many pieces are made one. */
const MANY = 256
const COLON = 0x3a
const LF = 0x0a
const CR = 0x0d

/** Behind the last blank line of a text, 0 when there is none. */
const endOfLast = (text: string): number => {
  const { length } = text
  if (text.charCodeAt(length - 1) === LF && isBlankLineAt(text, length - 1)) return length
  const plain = text.lastIndexOf("\n\n")
  const returned = text.lastIndexOf("\n\r\n")
  if (plain < 0 && returned < 0) return 0
  return plain > returned ? plain + 2 : returned + 3
}

/** True if the line that this LF ends is empty. */
const isBlankLineAt = (text: string, end: number): boolean => {
  const before = text.charCodeAt(end - 1)
  return before === LF || (before === CR && text.charCodeAt(end - 2) === LF)
}

/** Behind the event that begins at `at` in whole events. */
export const endOfEvent = (text: string, at: number): number => {
  let end = at
  for (;;) {
    end = text.indexOf("\n", end)
    if (end < 0) return text.length
    const next = text.charCodeAt(end + 1)
    if (next === LF) return end + 2
    if (next === CR && text.charCodeAt(end + 2) === LF) return end + 3
    end += 1
  }
}

/** The start of the event that this place is in; not before `from`. */
export const startOfEvent = (text: string, place: number, from: number): number => {
  for (let at = text.lastIndexOf("\n", place); at > from; at = text.lastIndexOf("\n", at - 1)) {
    if (isBlankLineAt(text, at)) return at + 1
  }
  return from
}

const ofLine = (line: string): string => {
  const value = line.startsWith(" ", 5) ? line.slice(6) : line.slice(5)
  return value.endsWith("\r") ? value.slice(0, -1) : value
}

/** The data of an event, with one character a byte; empty for comments and blank lines. */
export const dataOf = (event: string): string => {
  if (!event.includes("data:")) return ""
  const data = event.split("\n").filter((line) => line.startsWith("data:"))
  return data.length === 1 ? ofLine(data[0] ?? "") : data.map(ofLine).join("\n")
}

/** The same event with all of its data, which is JSON, in one line; undefined when it is so already. */
export const onOneLine = (event: string): string | undefined => {
  const lines = event.split(/\r?\n/)
  const data = lines.filter((line) => line.startsWith("data:"))
  if (data.length < 2) return undefined
  const others = lines.filter((line) => line !== "" && !line.startsWith("data:"))
  return `${[...others, `data: ${data.map(ofLine).join(" ")}`].join("\n")}\n\n`
}

const NOT_ASCII = /[\x80-\xff]/

/** The JSON in an event's data; undefined when it is none. */
export const jsonOf = (data: string): unknown => {
  try {
    return JSON.parse(NOT_ASCII.test(data) ? Buffer.from(data, "latin1").toString("utf8") : data)
  } catch {
    return undefined
  }
}

/** True if an event is but a comment or blank lines: it says no more than that its provider is there. */
export const isNoise = (event: string): boolean => {
  const first = event.charCodeAt(0)
  return (first === COLON || first === LF || first === CR) && !event.includes("data:")
}
