/** A JSON object, as it was parsed. */
export type Fields = Readonly<Record<string, unknown>>

export const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** The fields of an object; anything else has none. */
export const fieldsOf = (value: unknown): Fields => (isFields(value) ? value : {})

/** The place of something in a text; `end` is behind it. */
export interface Span {
  readonly start: number
  readonly end: number
}

/** The text to put in place of a span; an empty span is a place to put it. */
export interface Edit extends Span {
  readonly text: string
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const COMMA = 0x2c
const COLON = 0x3a

const isBlank = (code: number) => code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09

const skipBlanks = (text: string, at: number): number => {
  let next = at
  while (isBlank(text.charCodeAt(next))) next += 1
  return next
}

/** Behind the string that begins at `at`, or -1. */
const endOfString = (text: string, at: number): number => {
  let end = at
  for (;;) {
    end = text.indexOf('"', end + 1)
    if (end < 0) return -1
    let slashes = 0
    while (text.charCodeAt(end - 1 - slashes) === BACKSLASH) slashes += 1
    if (slashes % 2 === 0) return end + 1
  }
}

/** Behind the object or array that begins at `at`, or -1. */
const endOfNested = (text: string, at: number): number => {
  let depth = 0
  for (let next = at; next < text.length; next += 1) {
    const code = text.charCodeAt(next)
    if (code === QUOTE) {
      next = endOfString(text, next) - 1
      if (next < 0) return -1
    } else if (code === OPEN_BRACE || code === OPEN_BRACKET) depth += 1
    else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) {
      depth -= 1
      if (depth === 0) return next + 1
    }
  }
  return -1
}

const endOfWord = (text: string, at: number): number => {
  let next = at
  while (next < text.length) {
    const code = text.charCodeAt(next)
    if (code === COMMA || code === CLOSE_BRACE || code === CLOSE_BRACKET || isBlank(code)) break
    next += 1
  }
  return next > at ? next : -1
}

const endOfValue = (text: string, at: number): number => {
  const code = text.charCodeAt(at)
  if (code === QUOTE) return endOfString(text, at)
  return code === OPEN_BRACE || code === OPEN_BRACKET ? endOfNested(text, at) : endOfWord(text, at)
}

/** A key as its reader sees it: `"mod\u0065l"` is `model`. */
const keyAt = (text: string, start: number, end: number): string => {
  const key = text.slice(start + 1, end - 1)
  if (!key.includes("\\")) return key
  try {
    return String(JSON.parse(text.slice(start, end)))
  } catch {
    return key
  }
}

/**
 * Goes through the fields of the object that begins at `at`, blanks before it aside, without reading what is in
 * their values; `visit` is told the key, where its value is and where the key begins, and ends that by answering
 * true. The text is JSON with one character a byte: then places in it
 * are places among the bytes. Answers where it stopped, or -1 when what was read is no JSON object.
 */
export const eachField = (
  text: string,
  at: number,
  visit: (key: string, start: number, end: number, keyStart: number) => boolean | void,
): number => {
  let next = skipBlanks(text, at)
  if (text.charCodeAt(next) !== OPEN_BRACE) return -1
  next = skipBlanks(text, next + 1)
  if (text.charCodeAt(next) === CLOSE_BRACE) return next + 1
  for (;;) {
    if (text.charCodeAt(next) !== QUOTE) return -1
    const keyStart = next
    const keyEnd = endOfString(text, keyStart)
    if (keyEnd < 0) return -1
    const key = keyAt(text, keyStart, keyEnd)
    next = skipBlanks(text, keyEnd)
    if (text.charCodeAt(next) !== COLON) return -1
    next = skipBlanks(text, next + 1)
    const end = endOfValue(text, next)
    if (end < 0) return -1
    if (visit(key, next, end, keyStart) === true) return end
    next = skipBlanks(text, end)
    const code = text.charCodeAt(next)
    if (code === CLOSE_BRACE) return next + 1
    if (code !== COMMA) return -1
    next = skipBlanks(text, next + 1)
  }
}

/** Goes through the values of the array that begins at `at`; nothing else has any. The text is as for {@link eachField}. */
export const eachElement = (text: string, at: number, visit: (start: number, end: number) => void): void => {
  let next = skipBlanks(text, at)
  if (text.charCodeAt(next) !== OPEN_BRACKET) return
  for (;;) {
    next = skipBlanks(text, next + 1)
    const end = endOfValue(text, next)
    if (end < 0) return
    visit(next, end)
    next = skipBlanks(text, end)
    if (text.charCodeAt(next) !== COMMA) return
  }
}

/** The place of the first value under this path of keys, in the object that begins at `at`. */
export const findValue = (text: string, at: number, path: ReadonlyArray<string>): Span | undefined => {
  const [first, ...others] = path
  let found: Span | undefined
  eachField(text, at, (key, start, end) => {
    if (key !== first) return false
    found = { start, end }
    return true
  })
  return found === undefined || others.length === 0 ? found : findValue(text, found.start, others)
}

/** The place of the value whose key ends at `at`; undefined when that is no key. */
export const valueBehind = (text: string, at: number): Span | undefined => {
  const colon = skipBlanks(text, at)
  if (text.charCodeAt(colon) !== COLON) return undefined
  const start = skipBlanks(text, colon + 1)
  const end = endOfValue(text, start)
  return end < 0 ? undefined : { start, end }
}

/** Bytes with some of their spans, in order, replaced. */
export const spliced = (bytes: Buffer, edits: ReadonlyArray<Edit>): Buffer => {
  if (edits.length === 0) return bytes
  let { length } = bytes
  for (const { end, start, text } of edits) length += Buffer.byteLength(text) - (end - start)
  const out = Buffer.allocUnsafe(length)
  let [from, to] = [0, 0]
  for (const { end, start, text } of edits) {
    to += bytes.copy(out, to, from, start)
    to += out.write(text, to)
    from = end
  }
  bytes.copy(out, to, from)
  return out
}
