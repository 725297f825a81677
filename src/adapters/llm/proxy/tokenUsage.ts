import type { ModelMapping } from "../../../domain/ModelMapping.ts"
import { type Fields, fieldsOf } from "./jsonFields.ts"

/** Tokens of one request; the prompt's include those from and to the provider's cache. */
export interface TokenUsage {
  readonly prompt: number
  readonly completion: number
  readonly total: number
  /** Of the prompt's. */
  readonly cached: number
  /** Of the prompt's. */
  readonly cacheWrite: number
  /** Of the completion's. */
  readonly reasoning: number
}

export const noTokens: TokenUsage = {
  prompt: 0,
  completion: 0,
  total: 0,
  cached: 0,
  cacheWrite: 0,
  reasoning: 0,
}

/** More than any request has: a provider's word is not taken for more. */
const MOST = 1e9

const countOf = (...values: ReadonlyArray<unknown>): number | undefined => {
  const value = values.find((value) => Number.isSafeInteger(value) && (value as number) >= 0)
  return value === undefined ? undefined : Math.min(MOST, value as number)
}

/** OpenAI's `usage` of both its APIs; undefined when it is none. */
const openAiUsage = (usage: Fields): TokenUsage | undefined => {
  const prompt = countOf(usage["prompt_tokens"], usage["input_tokens"])
  const completion = countOf(usage["completion_tokens"], usage["output_tokens"])
  if (prompt === undefined && completion === undefined) return undefined
  const ofPrompt = fieldsOf(usage["prompt_tokens_details"] ?? usage["input_tokens_details"])
  const ofCompletion = fieldsOf(usage["completion_tokens_details"] ?? usage["output_tokens_details"])
  const sum = (prompt ?? 0) + (completion ?? 0)
  return {
    prompt: prompt ?? 0,
    completion: completion ?? 0,
    total: countOf(usage["total_tokens"]) ?? sum,
    cached: countOf(ofPrompt["cached_tokens"], usage["prompt_cache_hit_tokens"]) ?? 0,
    cacheWrite: countOf(ofPrompt["cache_write_tokens"]) ?? 0,
    reasoning: countOf(ofCompletion["reasoning_tokens"]) ?? 0,
  }
}

/** Anthropic counts what is cached apart from `input_tokens`; a stream tells the parts in several events. */
const anthropicUsage = (usage: Fields, before: TokenUsage): TokenUsage | undefined => {
  const uncached = countOf(usage["input_tokens"])
  const output = countOf(usage["output_tokens"])
  if (uncached === undefined && output === undefined) return undefined
  const cached = countOf(usage["cache_read_input_tokens"]) ?? before.cached
  const cacheWrite = countOf(usage["cache_creation_input_tokens"]) ?? before.cacheWrite
  const prompt = (uncached ?? before.prompt - before.cached - before.cacheWrite) + cached + cacheWrite
  const completion = output ?? before.completion
  return { prompt, completion, total: prompt + completion, cached, cacheWrite, reasoning: 0 }
}

/**
 * The usage that a `usage` object tells, after what was known `before`: the last wins, zero is a value.
 * Undefined for anything else.
 */
export const usageOf = (
  api: "openai" | "anthropic",
  usage: unknown,
  before: TokenUsage | undefined,
): TokenUsage | undefined => {
  if (typeof usage !== "object" || usage === null) return undefined
  return api === "anthropic"
    ? anthropicUsage(usage as Fields, before ?? noTokens)
    : openAiUsage(usage as Fields)
}

/** USD: what came from the cache and what went into it at their own prices. */
export const costOf = (usage: TokenUsage, { cacheRead, cacheWrite, input, output }: ModelMapping["cost"]) => {
  const uncached = Math.max(0, usage.prompt - usage.cached - usage.cacheWrite)
  return (
    uncached * input + usage.cached * cacheRead + usage.cacheWrite * cacheWrite + usage.completion * output
  )
}

/** A token is about four characters of text: good enough where a provider does not count. */
const CHARACTERS_PER_TOKEN = 4

/** Fields that say what is around text. */
const NO_TEXT = new Set(["type", "role", "id", "finish_reason", "index", "object"])

const charactersOf = (value: unknown, depth = 0): number => {
  if (typeof value === "string") return value.startsWith("data:") ? 0 : value.length
  if (typeof value !== "object" || value === null || depth > 20) return 0
  let sum = 0
  for (const [key, part] of Object.entries(value)) if (!NO_TEXT.has(key)) sum += charactersOf(part, depth + 1)
  return sum
}

const PROMPT = ["messages", "prompt", "input", "system", "instructions", "tools"]

/** Counted from the text of the request and from the number of characters that came out. */
export const estimatedUsage = (request: Fields, outputCharacters: number): TokenUsage => {
  const characters = PROMPT.reduce((sum, field) => sum + charactersOf(request[field]), 0)
  const prompt = Math.ceil(characters / CHARACTERS_PER_TOKEN)
  const completion = Math.ceil(outputCharacters / CHARACTERS_PER_TOKEN)
  return { ...noTokens, prompt, completion, total: prompt + completion }
}

/** The characters that an answer, or an event of one, puts out, of any API. */
export const outputCharacters = (answer: Fields): number =>
  ["choices", "output", "content", "delta"].reduce((sum, field) => sum + charactersOf(answer[field]), 0)
