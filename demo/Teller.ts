import { setTimeout as pause } from "node:timers/promises"
import { stripVTControlCharacters } from "node:util"

/** The name column, and the colour that goes with each name. */
const COLOURS = { demo: 90, admin: 94, mia: 36, ada: 32, bob: 33, eve: 35 }
export type Speaker = keyof typeof COLOURS

const BOLD = 1
const FAINT = 2
const GREEN = 32
const RED = 31

const WIDEST = 80
const INDENT = 15
/** The least width beside the column of names. */
const NARROWEST = 20

/** The time for which a line stands before the next one, in milliseconds. */
const READING = 320

/**
 * The part of a foreign text that may be shown: no escape sequences, no control or format characters (they
 * turn writing around or hide it), nothing that is not a character.
 */
const harmless = (text: string): string =>
  stripVTControlCharacters(text)
    .replaceAll(/[\s\p{Zl}\p{Zp}]+/gu, " ")
    .replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\p{Co}]/gu, "")
    .trim()

/** Tells the story on a terminal, line by line: when, who, what. Only ever appends. */
export class Teller {
  readonly #out: NodeJS.WriteStream
  readonly #reading: number
  readonly #start = performance.now()
  readonly #width: number
  readonly #hasColour: boolean
  #isSilent = false

  constructor(out: NodeJS.WriteStream, environment: NodeJS.ProcessEnv, isHurried: boolean) {
    this.#out = out
    this.#reading = isHurried ? 0 : READING
    this.#width = Math.max(INDENT + NARROWEST, Math.min(WIDEST, out.columns || WIDEST))
    this.#hasColour = out.isTTY && !environment["NO_COLOR"] && environment["TERM"] !== "dumb"
  }

  /** Seconds since the beginning. */
  get seconds(): number {
    return (performance.now() - this.#start) / 1000
  }

  title(text: string, legend: ReadonlyArray<string>): void {
    this.#print(this.#painted(BOLD, harmless(text)))
    for (const line of legend) this.#print(this.#painted(FAINT, `  ${line}`))
  }

  chapter(text: string): void {
    const heading = `-- ${harmless(text)} `
    this.#print(`\n${this.#painted(BOLD, heading.padEnd(this.#width, "-"))}`)
  }

  /** Somebody does or says something. */
  async does(who: Speaker, what: string): Promise<void> {
    const time = `${this.seconds.toFixed(1)}s`.padStart(7)
    this.#lines(
      `${this.#painted(FAINT, time)}  ${this.#painted(COLOURS[who], who.padEnd(6))}`,
      harmless(what),
    )
    await this.#read()
  }

  /** Somebody is sent something over its WebSocket. */
  async hears(who: Speaker, what: string): Promise<void> {
    await this.does(who, `<- ${what}`)
  }

  /** Something that was checked just now. */
  async checked(what: string): Promise<void> {
    const [mark, ...rest] = wrapped(`= ${harmless(what)}`, this.#width - INDENT)
    for (const line of [mark ?? "", ...rest.map((line) => `  ${line}`)]) {
      this.#print(`${" ".repeat(INDENT)}${this.#painted(GREEN, line)}`)
    }
    await this.#read()
  }

  /** A heading, then rows. Columns are as wide as their content; the last one takes the rest of the line. */
  async table(rows: ReadonlyArray<ReadonlyArray<string>>): Promise<void> {
    const clean = rows.map((row) => row.map(harmless))
    const widths = (clean[0] ?? []).map((_, column) =>
      Math.max(...clean.map((row) => row[column]?.length ?? 0)),
    )
    for (const [number, row] of clean.entries()) {
      const lead = row
        .slice(0, -1)
        .map((cell, column) =>
          (/\d/.test(cell) ? cell.padStart : cell.padEnd).call(cell, widths[column] ?? 0),
        )
      const indent = ["", ...lead, ""].join("  ")
      const lines = wrapped(row.at(-1) ?? "", Math.max(NARROWEST, this.#width - indent.length))
      for (const [index, line] of lines.entries()) {
        const text = `${index === 0 ? indent : " ".repeat(indent.length)}${line}`
        this.#print(number === 0 ? this.#painted(BOLD, text) : text)
      }
    }
    await this.#read()
  }

  closing(...texts: ReadonlyArray<string>): void {
    this.#print("")
    for (const text of texts) for (const line of wrapped(harmless(text), this.#width)) this.#print(line)
  }

  failure(what: string, details: ReadonlyArray<readonly [label: string, text: string]>): void {
    this.#print("")
    this.#lines(this.#painted(RED, "FAILED".padStart(INDENT - 2).padEnd(INDENT)), harmless(what))
    for (const [label, text] of details)
      this.#lines(label.padStart(INDENT - 2).padEnd(INDENT), harmless(text))
  }

  /** Ends the telling: the story was stopped, or nobody listens any more. */
  silence(): void {
    this.#isSilent = true
  }

  #lines(lead: string, text: string): void {
    for (const [index, line] of wrapped(text, this.#width - INDENT).entries()) {
      this.#print(`${index === 0 ? lead : " ".repeat(INDENT)}${line}`)
    }
  }

  #print(line: string): void {
    if (!this.#isSilent) this.#out.write(`${line}\n`)
  }

  async #read(): Promise<void> {
    if (this.#reading > 0) await pause(this.#reading)
  }

  #painted(code: number, text: string): string {
    return this.#hasColour ? `\u001b[${code}m${text}\u001b[0m` : text
  }
}

/** Lines of at most `width` characters, broken at blanks where there are any. */
const wrapped = (text: string, width: number): ReadonlyArray<string> => {
  const lines: Array<string> = []
  let line = ""
  for (const word of text.split(" ").flatMap((word) => pieces(word, width))) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line)
      line = word
    } else {
      line = line === "" ? word : `${line} ${word}`
    }
  }
  return [...lines, line]
}

const pieces = (word: string, width: number): ReadonlyArray<string> =>
  word.length <= width ? [word] : [word.slice(0, width), ...pieces(word.slice(width), width)]
