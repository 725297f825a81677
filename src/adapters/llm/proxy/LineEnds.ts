const LF = 0x0a
const CR = 0x0d
const LONE = /\r(?!\n)/g
const MARK = "\xef\xbb\xbf"

/**
 * Makes line feeds of carriage returns that stand alone, which end a line of events as well, and drops a byte order mark at
 * the beginning. All else stays as it is: most streams have neither.
 */
export class LineEnds {
  /** The beginning, until it is long enough to have a mark; undefined behind it. */
  #beginning: string | undefined = ""
  /** There have been some that stand alone: then the next one does, too, and is not waited for. */
  #areAlone = false
  /** The last text ended in a carriage return: kept back, or told already. */
  #returned: "none" | "kept" | "told" = "none"

  take(text: string): string {
    const isPlain = this.#beginning === undefined && this.#returned === "none"
    if (isPlain && !text.includes("\r")) return text
    const rest = this.#behindLast(this.#behindMark(text))
    if (!rest.includes("\r")) return rest
    const isLast = rest.charCodeAt(rest.length - 1) === CR
    const whole = isLast ? rest.slice(0, -1) : rest
    const lines = whole.replace(LONE, "\n")
    this.#areAlone ||= lines !== whole
    if (!isLast) return lines
    this.#returned = this.#areAlone ? "told" : "kept"
    return this.#areAlone ? `${lines}\n` : lines
  }

  /** The text with the carriage return before it, or without the line feed that belongs to one. */
  #behindLast(text: string): string {
    const returned = this.#returned
    if (text === "" || returned === "none") return text
    this.#returned = "none"
    if (returned === "kept") return `\r${text}`
    return text.charCodeAt(0) === LF ? text.slice(1) : text
  }

  #behindMark(text: string): string {
    if (this.#beginning === undefined) return text
    const beginning = this.#beginning + text
    const isShort = beginning.length < MARK.length && MARK.startsWith(beginning)
    this.#beginning = isShort ? beginning : undefined
    if (isShort) return ""
    return beginning.startsWith(MARK) ? beginning.slice(MARK.length) : beginning
  }
}
