import { CliOutput } from "effect/cli"
import { stripVTControlCharacters } from "node:util"

const COLUMNS = 80
/** The beginning of a line before its text: its indent, or the name of a flag and the gap after it. */
const BEFORE_TEXT = /^ *(\S.*? {3,})?/

const widthOf = (text: string) => stripVTControlCharacters(text).length

/** Breaks a line between words; what follows is indented as its text is. */
const wrapped = (line: string): string => {
  const before = BEFORE_TEXT.exec(line)?.[0] ?? ""
  const indent = " ".repeat(widthOf(before))
  const lines = [before]
  for (const word of line.slice(before.length).split(" ")) {
    const last = lines.at(-1) ?? ""
    const isFirst = widthOf(last) === indent.length
    if (isFirst || widthOf(last) + 1 + widthOf(word) <= COLUMNS)
      lines.splice(-1, 1, `${last}${isFirst ? "" : " "}${word}`)
    else lines.push(`${indent}${word}`)
  }
  return lines.join("\n")
}

const plain = CliOutput.defaultFormatter()

/** Help that fits 80 columns. */
export const HelpLayer = CliOutput.layer({
  ...plain,
  formatHelpDoc: (doc) => plain.formatHelpDoc(doc).split("\n").map(wrapped).join("\n"),
})
