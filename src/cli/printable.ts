// Control characters, and what turns the direction of writing or breaks lines: text with these can rewrite a terminal.
const UNPRINTABLE = /[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}]/gu
const BLANKS = /[\t\n\v\f\r\u0085\p{Zl}\p{Zp}]+/gu

/**
 * Text from members, agents or damaged records, made fit for a terminal: one line, without control and
 * bidirectional characters. Everything that is not ours goes through here before it is printed.
 */
export const printable = (text: string): string =>
  text.toWellFormed().replaceAll(BLANKS, " ").replaceAll(UNPRINTABLE, "")

const escaped = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`

/** JSON in which the same characters are escaped, so that it means the same and harms no terminal. */
export const printableJson = (value: unknown, indent?: number): string =>
  JSON.stringify(value, undefined, indent).replaceAll(UNPRINTABLE, (character) =>
    character === "\n" ? character : escaped(character),
  )

/** The first `width` characters, the last of them an ellipsis where some are left out. */
export const clipped = (text: string, width: number): string => {
  const characters = Array.from(text)
  return characters.length <= width ? text : `${characters.slice(0, Math.max(0, width - 1)).join("")}…`
}
