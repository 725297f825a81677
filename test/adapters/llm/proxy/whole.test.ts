import { describe, expect, it } from "vitest"
import { chatAnswer, embeddingsAnswer, messagesAnswer } from "../../../support/providerAnswers.ts"
import { json, text, write } from "../../../support/upstream.ts"
import { KEY, mapping, MODEL, NATIVE, openOne } from "./gateway.ts"

describe("A whole answer", () => {
  it("is the backend's, under the caller's name of the model", async () => {
    const { gateway, upstream } = await openOne()
    const { headers, json, status } = await gateway.chat()
    expect(status).toBe(200)
    expect(json).toEqual(chatAnswer(MODEL))
    expect(headers["content-type"]).toBe("application/json")
    expect(headers["content-length"]).toBe(String(JSON.stringify(json).length))
    const [asked] = upstream.received
    expect(asked?.path).toBe("/v1/chat/completions")
    expect(asked?.json).toEqual({ model: NATIVE, messages: [{ role: "user", content: "Hi" }] })
    expect(asked?.headers["authorization"]).toBe(`Bearer ${KEY}`)
  })

  it("is taken down with its tokens and what they cost", async () => {
    const { gateway } = await openOne()
    const { headers } = await gateway.chat({}, { headers: { "crewlog-task": "ABC-1" } })
    const record = await gateway.record()
    expect(record).toMatchObject({
      id: headers["x-request-id"],
      member: "member",
      task: "ABC-1",
      model: MODEL,
      route: "chat/completions",
      is_stream: false,
      lane: "primary",
      outcome: "ok",
      status: 200,
      error: null,
      failures: [],
      prompt_tokens: 20,
      completion_tokens: 5,
      total_tokens: 25,
      cached_tokens: 8,
      cache_write_tokens: 0,
      reasoning_tokens: 2,
      is_estimated: false,
      first_output_ms: null,
    })
    expect(record.cost_usd).toBeCloseTo(12 * 1 + 8 * 0.1 + 5 * 10)
    expect(record.latency_ms).toBeGreaterThan(0)
    expect(gateway.records).toHaveLength(1)
  })
})
