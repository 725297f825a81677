import { describe, expect, it } from "vitest"
import { estimatedUsage, outputCharacters } from "../../../../src/adapters/llm/proxy/estimates.ts"
import { costOf, priced } from "../../../../src/adapters/llm/proxy/prices.ts"
import { priceCatalogue } from "../../../../src/adapters/llm/proxy/priceCatalogue.ts"
import { noTokens, usageOf } from "../../../../src/adapters/llm/proxy/tokenUsage.ts"
import { mapping } from "./gateway.ts"

const cost = { input: 1, output: 10, cacheRead: 0.1, cacheWrite: 2 }

describe("What a provider says that was used", () => {
  it.each([
    [
      { prompt_tokens: 20, completion_tokens: 5, total_tokens: 25 },
      { ...noTokens, prompt: 20, completion: 5, total: 25 },
    ],
    [
      {
        prompt_tokens: 20,
        completion_tokens: 5,
        total_tokens: 31,
        prompt_tokens_details: { cached_tokens: 8, cache_write_tokens: 3 },
        completion_tokens_details: { reasoning_tokens: 2 },
      },
      { prompt: 20, completion: 5, total: 31, cached: 8, cacheWrite: 3, reasoning: 2 },
    ],
    [
      { prompt_tokens: 4, total_tokens: 4 },
      { ...noTokens, prompt: 4, total: 4 },
    ],
    [
      { prompt_tokens: 20, completion_tokens: 5 },
      { ...noTokens, prompt: 20, completion: 5, total: 25 },
    ],
    [
      {
        input_tokens: 20,
        output_tokens: 5,
        total_tokens: 25,
        input_tokens_details: { cached_tokens: 8 },
        output_tokens_details: { reasoning_tokens: 2 },
      },
      { ...noTokens, prompt: 20, completion: 5, total: 25, cached: 8, reasoning: 2 },
    ],
    [
      { prompt_tokens: 20, completion_tokens: 5, prompt_cache_hit_tokens: 7, prompt_cache_miss_tokens: 13 },
      { ...noTokens, prompt: 20, completion: 5, total: 25, cached: 7 },
    ],
    // Zero is a value.
    [{ prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 }, noTokens],
    // What is no count is none.
    [
      { prompt_tokens: 20, completion_tokens: -5, total_tokens: "25", prompt_tokens_details: null },
      { ...noTokens, prompt: 20, total: 20 },
    ],
    [
      { prompt_tokens: 1.5, completion_tokens: 5 },
      { ...noTokens, completion: 5, total: 5 },
    ],
    // And no request uses more than that.
    [
      { prompt_tokens: 1e15, completion_tokens: 5, total_tokens: 7 },
      { ...noTokens, prompt: 1e9, completion: 5, total: 7 },
    ],
  ])("OpenAI's %j", (usage, tokens) => {
    expect(usageOf("openai", usage, undefined)).toEqual(tokens)
  })

  it.each([undefined, null, 7, "x", {}, [], { total_tokens: 0 }, { prompt_tokens: null }])(
    "%j is nothing",
    (usage) => {
      expect(usageOf("openai", usage, noTokens)).toBeUndefined()
    },
  )

  it("what a provider says that was used is Anthropic's with the cached tokens among the prompt's", () => {
    const usage = {
      input_tokens: 12,
      cache_creation_input_tokens: 3,
      cache_read_input_tokens: 5,
      output_tokens: 7,
    }
    const tokens = { prompt: 20, completion: 7, total: 27, cached: 5, cacheWrite: 3, reasoning: 0 }
    expect(usageOf("anthropic", usage, undefined)).toEqual(tokens)
    expect(costOf(tokens, cost)).toBeCloseTo(12 * 1 + 5 * 0.1 + 3 * 2 + 7 * 10)
  })

  it("what a provider says that was used is the last of Anthropic's events, with what only the first said", () => {
    const first = usageOf(
      "anthropic",
      { input_tokens: 12, cache_read_input_tokens: 5, output_tokens: 1 },
      undefined,
    )
    expect(usageOf("anthropic", { output_tokens: 9 }, first)).toMatchObject({
      prompt: 17,
      completion: 9,
      cached: 5,
    })
    expect(usageOf("anthropic", { input_tokens: 20, output_tokens: 0 }, first)).toMatchObject({
      prompt: 25,
      completion: 0,
    })
  })
})

/** The usage that others than OpenAI tell at OpenAI's routes. A row is a name, their usage, and the parts that it comes to. */
const others: ReadonlyArray<readonly [name: string, usage: object, parts: object]> = [
  [
    "xAI, with reasoning beside the completion",
    {
      prompt_tokens: 32,
      completion_tokens: 9,
      total_tokens: 135,
      completion_tokens_details: { reasoning_tokens: 94 },
    },
    { prompt: 32, completion: 103, reasoning: 94, total: 135 },
  ],
  [
    "OpenAI, with reasoning inside of it",
    {
      prompt_tokens: 32,
      completion_tokens: 103,
      total_tokens: 135,
      completion_tokens_details: { reasoning_tokens: 94 },
    },
    { prompt: 32, completion: 103, reasoning: 94, total: 135 },
  ],
  [
    "Gemini, with thoughts in the total alone",
    { prompt_tokens: 10, completion_tokens: 20, total_tokens: 150 },
    { prompt: 10, completion: 140, reasoning: 120, total: 150 },
  ],
  [
    "Gemini, with nothing but thoughts",
    { prompt_tokens: 10, total_tokens: 150, completion_tokens: 0 },
    { prompt: 10, completion: 140, reasoning: 140, total: 150 },
  ],
  [
    "Perplexity, with more reasoning than completion",
    { prompt_tokens: 10, completion_tokens: 20, total_tokens: 30, reasoning_tokens: 500 },
    { prompt: 10, completion: 520, reasoning: 500, total: 530 },
  ],
  ["Voyage, with a total alone", { total_tokens: 7 }, { prompt: 7, completion: 0, total: 7 }],
  [
    "Moonshot, with cached tokens on top",
    { prompt_tokens: 20, completion_tokens: 5, total_tokens: 25, cached_tokens: 8 },
    { prompt: 20, completion: 5, cached: 8 },
  ],
  [
    "DeepSeek, with hits and misses",
    {
      prompt_tokens: 20,
      completion_tokens: 5,
      total_tokens: 25,
      prompt_cache_hit_tokens: 8,
      prompt_cache_miss_tokens: 12,
    },
    { prompt: 20, cached: 8 },
  ],
  [
    "Mistral, with a number of cached tokens",
    { prompt_tokens: 20, completion_tokens: 5, total_tokens: 25, num_cached_tokens: 8 },
    { prompt: 20, cached: 8 },
  ],
  [
    "DashScope, with what it wrote to its cache",
    {
      prompt_tokens: 20,
      completion_tokens: 5,
      total_tokens: 25,
      prompt_tokens_details: { cached_tokens: 3, cache_creation_input_tokens: 8 },
    },
    { prompt: 20, cached: 3, cacheWrite: 8, total: 25 },
  ],
  [
    "a gateway in front of Anthropic, with its names",
    {
      prompt_tokens: 20,
      completion_tokens: 5,
      total_tokens: 25,
      cache_read_input_tokens: 3,
      cache_creation_input_tokens: 8,
      cache_creation: { ephemeral_1h_input_tokens: 6 },
    },
    { prompt: 20, cached: 3, cacheWrite: 8, cacheWriteHour: 6 },
  ],
  [
    "one that counts the cache beside the prompt",
    { prompt_tokens: 2, completion_tokens: 5, total_tokens: 7, cache_read_input_tokens: 100 },
    { prompt: 102, cached: 100, completion: 5, total: 107 },
  ],
]

describe("The usage at OpenAI's routes", () => {
  it.each(others)("usage is understood of %s", (_name, usage, parts) => {
    expect(usageOf("openai", usage, undefined)).toMatchObject(parts)
  })

  it("usage is Anthropic's with what it keeps for an hour, apart or in sum", () => {
    const parts = { ephemeral_5m_input_tokens: 3, ephemeral_1h_input_tokens: 7 }
    const first = { input_tokens: 2, cache_creation: parts, output_tokens: 1 }
    const tokens = { prompt: 12, cacheWrite: 10, cacheWriteHour: 7 }
    expect(usageOf("anthropic", first, undefined)).toMatchObject(tokens)
    const sum = { ...first, cache_creation_input_tokens: 10 }
    const before = usageOf("anthropic", sum, undefined)
    expect(before).toMatchObject(tokens)
    expect(usageOf("anthropic", { output_tokens: 9 }, before)).toMatchObject({ ...tokens, completion: 9 })
  })
})

const anyTokens = { ...noTokens, prompt: 1_000_000, completion: 1_000_000, total: 2_000_000 }

describe("The price", () => {
  it.each([
    [
      "of the cache is the input's where there is none",
      { cached: 900_000 },
      { ...cost, cacheRead: 0 },
      1_000_000,
    ],
    [
      "of a write is the input's where there is none",
      { cacheWrite: 900_000 },
      { ...cost, cacheWrite: 0 },
      1_000_000,
    ],
    [
      "of a write for an hour is its own",
      { cacheWrite: 1_000_000, cacheWriteHour: 1_000_000 },
      { ...cost, cacheWriteHour: 7 },
      7_000_000,
    ],
    [
      "of a write for an hour is the input's where there is none for any",
      { cacheWrite: 1_000_000, cacheWriteHour: 1_000_000 },
      { ...cost, cacheWrite: 0 },
      1_000_000,
    ],
    [
      "of a write for an hour is 1.6 times that of another",
      { cacheWrite: 1_000_000, cacheWriteHour: 500_000 },
      cost,
      2_600_000,
    ],
  ])("%s", (_name, more, prices, expected) => {
    expect(costOf({ ...anyTokens, completion: 0, ...more }, prices)).toBeCloseTo(expected)
  })

  const free = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 }
  const catalogue = priceCatalogue(() => Date.parse("2026-01-01"))
  const at = (more: Parameters<typeof mapping>[0], url = "http://127.0.0.1:1/v1", tokens = anyTokens) =>
    priced(tokens, mapping(more), url, catalogue)

  it("a price is the mapping's where it has one", () => {
    expect(at({ native_id: "gpt-4o-mini" })).toEqual({ cost: 11_000_000, source: "mapping" })
  })

  it.each([
    ["gpt-4o-mini", "https://api.openai.com/v1", 0.15 + 0.6],
    ["gpt-4o-mini", "http://127.0.0.1:1/v1", 0.15 + 0.6],
    ["claude-sonnet-4-5", "https://api.anthropic.com", 6 + 22.5],
    ["grok-4", "https://api.x.ai/v1", 3 + 15],
  ])("a price is the catalogue's of %s at %s where the mapping has none", (native_id, url, expected) => {
    const { cost, source } = at({ native_id, cost: free }, url)
    expect(source).toBe("catalogue")
    expect(cost).toBeCloseTo(expected, 6)
  })

  it("a price is none of a model that nobody knows, and of one that is free", () => {
    expect(at({ native_id: "of-my-own", cost: free })).toEqual({ cost: 0, source: "none" })
    const flagged = { native_id: "gpt-4o-mini", cost: free, compat: { isFree: true } }
    expect(at(flagged)).toEqual({ cost: 0, source: "mapping" })
  })
})

describe("The cost", () => {
  it("the cost is each part's at its own price", () => {
    const tokens = { prompt: 20, completion: 5, total: 25, cached: 8, cacheWrite: 2, reasoning: 2 }
    expect(costOf(tokens, cost)).toBeCloseTo(10 * 1 + 8 * 0.1 + 2 * 2 + 5 * 10)
    expect(costOf(noTokens, cost)).toBe(0)
  })

  it("the cost is not negative where a provider says nonsense", () => {
    expect(costOf({ ...noTokens, prompt: 1, cached: 100 }, cost)).toBeCloseTo(10)
  })
})

describe("An estimate", () => {
  it("an estimate is a token for four characters, of the prompt and of what came out", () => {
    const request = {
      model: "a model with a long name",
      messages: [
        { role: "user", content: "x".repeat(400) },
        { content: [{ type: "text", text: "y".repeat(40) }] },
      ],
      tools: [{ function: { name: "abcd" } }],
    }
    expect(estimatedUsage(request, 41)).toEqual({ ...noTokens, prompt: 111, completion: 11, total: 122 })
  })

  it("an estimate does not take images for text", () => {
    const content = [{ type: "image_url", image_url: { url: `data:image/png;base64,${"A".repeat(10_000)}` } }]
    expect(estimatedUsage({ messages: [{ content }] }, 0).prompt).toBe(0)
  })

  const base64 = "QUJD".repeat(10_000)
  it.each([
    ["sound of OpenAI's", { type: "input_audio", input_audio: { data: base64, format: "wav" } }],
    [
      "an image of Anthropic's",
      { type: "image", source: { type: "base64", media_type: "image/png", data: base64 } },
    ],
    ["an image of the Responses API", { type: "input_image", image_url: `data:image/png;base64,${base64}` }],
    ["a file", { type: "file", file: { filename: "a.pdf", file_data: base64 } }],
    ["a file in a URL", { type: "input_file", file_data: `data:application/pdf;base64,${base64}` }],
    ["what is encrypted", { type: "reasoning", encrypted_content: base64 }],
    ["a signature", { type: "thinking", thinking: "", signature: base64 }],
  ])("an estimate takes %s for no text, in a prompt and in an answer", (_name, part) => {
    const text = { type: "text", text: "four" }
    expect(estimatedUsage({ messages: [{ role: "user", content: [part, text] }] }, 0).prompt).toBeLessThan(10)
    expect(outputCharacters({ content: [part, text] })).toBeLessThan(40)
  })

  it("an estimate takes sound and images in events for no text, and what was said for text", () => {
    expect(outputCharacters({ type: "response.output_audio.delta", delta: base64 })).toBe(0)
    expect(outputCharacters({ type: "response.output_audio_transcript.delta", delta: "four" })).toBe(4)
    expect(outputCharacters({ choices: [{ delta: { audio: { data: base64 } } }] })).toBe(0)
    expect(outputCharacters({ output: [{ type: "image_generation_call", result: base64 }] })).toBe(0)
  })

  it("an estimate takes text for text, however it looks", () => {
    expect(estimatedUsage({ messages: [{ content: base64 }] }, 0).prompt).toBe(10_000)
    expect(outputCharacters({ choices: [{ message: { content: "data: four" } }] })).toBe(10)
  })

  it.each([
    [{ choices: [{ index: 0, message: { role: "assistant", content: "four" }, finish_reason: "stop" }] }, 4],
    [{ choices: [{ delta: { content: "four", reasoning_content: "six666" } }] }, 10],
    [{ choices: [{ text: "four" }] }, 4],
    [{ type: "message", content: [{ type: "text", text: "four" }] }, 4],
    [{ type: "content_block_delta", delta: { type: "text_delta", text: "four" } }, 4],
    [{ type: "response.output_text.delta", delta: "four", item_id: "x" }, 4],
    [{ output: [{ type: "message", content: [{ type: "output_text", text: "four" }] }] }, 4],
  ])("an estimate counts the characters of %j", (answer, characters) => {
    expect(outputCharacters(answer)).toBe(characters)
  })
})
