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
  /** Of those that were written to the cache, the ones that it keeps for an hour. */
  readonly cacheWriteHour?: number
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

/** The names that providers have for tokens of the prompt that came from their cache. */
const CACHED = [
  "cached_tokens",
  "cache_read_tokens",
  "cache_read_input_tokens",
  "prompt_cache_hit_tokens",
  "num_cached_tokens",
  "cached_prompt_tokens",
  "cached_prompt_text_tokens",
  "cached_content_token_count",
]
/** And for those that were written to it. */
const WRITTEN = [
  "cache_write_tokens",
  "cache_creation_tokens",
  "cache_creation_input_tokens",
  "cache_write_input_tokens",
]
const REASONING = ["reasoning_tokens", "thinking_tokens", "thoughts_token_count"]

/** The count under the first of these names that has one, in the first of these objects that has any. */
const countUnder = (names: ReadonlyArray<string>, ...places: ReadonlyArray<Fields>): number | undefined => {
  for (const place of places) {
    for (const name of names) {
      const count = countOf(place[name])
      if (count !== undefined) return count
    }
  }
  return undefined
}

/** The tokens of one-hour writes, among those that `usage` says were written. */
const writtenForAnHour = (...places: ReadonlyArray<Fields>): { readonly cacheWriteHour?: number } => {
  const all = places.map((place) => fieldsOf(place["cache_creation"]))
  const hour = countUnder(["ephemeral_1h_input_tokens"], ...all)
  return hour === undefined || hour === 0 ? {} : { cacheWriteHour: hour }
}

/**
 * The tokens that a provider counted beside `completion_tokens`: xAI and Gemini have reasoning there, OpenAI inside. They
 * are seen in the total, which is larger than its parts by them, and by what is more than all that it should be in.
 */
const besideCompletion = (
  { completion, prompt, reasoning, total }: TokenUsage,
  isReasoningTold: boolean,
  isCached: boolean,
): number => {
  const rest = total - prompt - completion
  if (reasoning > completion) return reasoning
  if (reasoning > 0) return rest === reasoning ? rest : 0
  return isReasoningTold || isCached ? 0 : Math.max(0, rest)
}

/** OpenAI's `usage` of both its APIs, with what others make of it; undefined when it is none. */
const openAiUsage = (usage: Fields): TokenUsage | undefined => {
  const told = countOf(usage["total_tokens"])
  const completion = countOf(usage["completion_tokens"], usage["output_tokens"])
  // Voyage tells nothing but the total of what it read.
  const isTotalAlone = completion === undefined && told !== undefined && told > 0
  const prompt = countOf(usage["prompt_tokens"], usage["input_tokens"]) ?? (isTotalAlone ? told : undefined)
  if (prompt === undefined && completion === undefined) return undefined
  const ofPrompt = fieldsOf(usage["prompt_tokens_details"] ?? usage["input_tokens_details"])
  const ofCompletion = fieldsOf(usage["completion_tokens_details"] ?? usage["output_tokens_details"])
  const reasoning = countUnder(REASONING, ofCompletion, usage)
  const parts = {
    prompt: prompt ?? 0,
    completion: completion ?? 0,
    total: told ?? (prompt ?? 0) + (completion ?? 0),
    cached: countUnder(CACHED, ofPrompt, usage) ?? 0,
    cacheWrite: countUnder(WRITTEN, ofPrompt, usage) ?? 0,
    ...writtenForAnHour(ofPrompt, usage),
    reasoning: reasoning ?? 0,
  }
  const inCache = parts.cached + parts.cacheWrite
  // Tokens from the cache are a part of the prompt: where it is more than that, it was counted apart.
  if (inCache > parts.prompt) {
    parts.prompt += inCache
    parts.total = Math.max(parts.total, parts.prompt + parts.completion)
  }
  const beside = besideCompletion(parts, reasoning !== undefined, inCache > 0)
  if (beside === 0) return parts
  const all = parts.completion + beside
  const total = Math.max(parts.total, parts.prompt + all)
  return { ...parts, completion: all, reasoning: Math.max(parts.reasoning, beside), total }
}

/** Anthropic counts what is cached apart from `input_tokens`; a stream tells the parts in several events. */
const anthropicUsage = (usage: Fields, before: TokenUsage): TokenUsage | undefined => {
  const uncached = countOf(usage["input_tokens"])
  const output = countOf(usage["output_tokens"])
  if (uncached === undefined && output === undefined) return undefined
  const cached = countOf(usage["cache_read_input_tokens"]) ?? before.cached
  const parts = fieldsOf(usage["cache_creation"])
  const minutes = countOf(parts["ephemeral_5m_input_tokens"])
  const hour = countOf(parts["ephemeral_1h_input_tokens"])
  const sum = minutes === undefined && hour === undefined ? undefined : (minutes ?? 0) + (hour ?? 0)
  const cacheWrite = countOf(usage["cache_creation_input_tokens"]) ?? sum ?? before.cacheWrite
  const cacheWriteHour = hour ?? before.cacheWriteHour ?? 0
  const prompt = (uncached ?? before.prompt - before.cached - before.cacheWrite) + cached + cacheWrite
  const completion = output ?? before.completion
  const reasoning = countUnder(REASONING, fieldsOf(usage["output_tokens_details"])) ?? before.reasoning
  const total = prompt + completion
  const tokens = { prompt, completion, total, cached, cacheWrite, reasoning }
  return cacheWriteHour === 0 ? tokens : { ...tokens, cacheWriteHour }
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
