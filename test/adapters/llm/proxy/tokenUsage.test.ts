import { describe, expect, it } from "vitest"
import {
  costOf,
  estimatedUsage,
  noTokens,
  outputCharacters,
  usageOf,
} from "../../../../src/adapters/llm/proxy/tokenUsage.ts"

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

  it.each([undefined, null, 7, "x", {}, [], { total_tokens: 5 }, { prompt_tokens: null }])(
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

  it.each([
    [{ choices: [{ index: 0, message: { role: "assistant", content: "four" }, finish_reason: "stop" }] }, 4],
    [{ choices: [{ delta: { content: "four", reasoning_content: "six666" } }] }, 10],
    [{ choices: [{ text: "four" }] }, 4],
    [{ type: "message", content: [{ type: "text", text: "four" }] }, 4],
    [{ type: "content_block_delta", delta: { type: "text_delta", text: "four" } }, 4],
    [{ type: "response.output_text.delta", delta: "four", item_id: "x" }, 4],
    [{ output: [{ type: "message", content: [{ type: "output_text", text: "four" }] }] }, 4],
  ])("counts the characters of %j", (answer, characters) => {
    expect(outputCharacters(answer)).toBe(characters)
  })
})
