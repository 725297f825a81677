import { type Fields, isFields } from "./jsonFields.ts"
import { noTokens, type TokenUsage } from "./tokenUsage.ts"
import { jsonIn } from "./upstreamErrors.ts"

/** A token is about four characters of text: good enough where a provider does not count. */
const CHARACTERS_PER_TOKEN = 4

/** Fields that say what is around text. */
const NO_TEXT = new Set(["type", "role", "id", "finish_reason", "index", "object", "cache_control"])
/** Fields whose text is what a model reads or writes, whatever it looks like. */
const TEXT = new Set([
  "text",
  "content",
  "input",
  "prompt",
  "system",
  "instructions",
  "arguments",
  "thinking",
  "reasoning",
  "reasoning_content",
  "partial_json",
  "output",
  "delta",
  "refusal",
])

const DATA_URL = /^data:[\w+.-]+\/[\w+.*-]+[;,]/i
const BASE64 = /^[\w+/-]+={0,2}$/
/** Characters that a text of base64 has at least, and that are looked at: text has blanks before that. */
const [SHORTEST, LOOKED_AT] = [128, 512]

/** A medium in base64 (an image, sound, a file), a signature or something encrypted: no text. */
const isMedium = (value: string): boolean =>
  DATA_URL.test(value) || (value.length >= SHORTEST && BASE64.test(value.slice(0, LOOKED_AT)))

const charactersOf = (value: unknown, isText: boolean, depth = 0): number => {
  if (typeof value === "string") {
    return (isText ? DATA_URL.test(value) : isMedium(value)) ? 0 : value.length
  }
  if (typeof value !== "object" || value === null || depth > 20) return 0
  let sum = 0
  if (Array.isArray(value)) {
    for (const part of value) sum += charactersOf(part, isText, depth + 1)
    return sum
  }
  for (const [key, part] of Object.entries(value)) {
    if (!NO_TEXT.has(key)) sum += charactersOf(part, TEXT.has(key), depth + 1)
  }
  return sum
}

const PROMPT = ["messages", "prompt", "input", "system", "instructions", "tools"]

const sumOf = (fields: Fields, names: ReadonlyArray<string>): number =>
  names.reduce((sum, name) => sum + charactersOf(fields[name], TEXT.has(name)), 0)

/** Counted from the text of the request and from the number of characters that came out; media are none. */
export const estimatedUsage = (request: Fields, outputCharacters: number): TokenUsage => {
  const prompt = Math.ceil(sumOf(request, PROMPT) / CHARACTERS_PER_TOKEN)
  const completion = Math.ceil(outputCharacters / CHARACTERS_PER_TOKEN)
  return { ...noTokens, prompt, completion, total: prompt + completion }
}

const OUTPUT = ["choices", "output", "content", "delta"]

/** The types of events whose `delta` is sound or an image. */
const MEDIUM = /(?:audio|image)(?!.*transcript)/

/** The characters that an answer, or an event of one, puts out, of any API. */
export const outputCharacters = (answer: Fields): number => {
  const { type } = answer
  return typeof type === "string" && MEDIUM.test(type) ? 0 : sumOf(answer, OUTPUT)
}

/** The same of the JSON of an answer. */
export const outputCharactersIn = (json: string): number => {
  const answer = jsonIn(json)
  return isFields(answer) ? outputCharacters(answer) : 0
}
