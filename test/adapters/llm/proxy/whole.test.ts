import { describe, expect, it } from "vitest"
import {
  chatAnswer,
  completionAnswer,
  embeddingsAnswer,
  messagesAnswer,
  responsesAnswer,
} from "../../../support/providerAnswers.ts"
import { bomb, json, raw, redirect, text, write } from "../../../support/upstream.ts"
import { KEY, mapping, MODEL, NATIVE, openOne, openTwo } from "./gateway.ts"

describe("A whole answer", () => {
  it("a whole answer is the backend's, under the caller's name of the model", async () => {
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

  it.each([
    ["completions", { prompt: "Hi" }, completionAnswer(MODEL)],
    ["embeddings", { input: "Hi" }, embeddingsAnswer(MODEL)],
    ["responses", { input: "Hi" }, responsesAnswer(MODEL)],
  ])("of %s goes the same way", async (route, request, answer) => {
    const { gateway, upstream } = await openOne()
    const { json, status } = await gateway.ask(`/v1/${route}`, { model: MODEL, ...request })
    expect({ status, json }).toEqual({ status: 200, json: answer })
    expect(upstream.received[0]).toMatchObject({ path: `/v1/${route}`, json: { model: NATIVE, ...request } })
    expect(await gateway.record()).toMatchObject({ outcome: "ok", route, model: MODEL })
  })

  it("of Anthropic's API comes from a backend that speaks it, with the key where it wants it", async () => {
    const { gateway, upstream } = await openOne({ api: "anthropic-messages" })
    const request = { model: MODEL, max_tokens: 5, messages: [{ role: "user", content: "Hi" }] }
    const { json, status } = await gateway.ask("/v1/messages", request)
    expect({ status, json }).toEqual({ status: 200, json: messagesAnswer(MODEL) })
    const [asked] = upstream.received
    expect(asked).toMatchObject({ path: "/v1/messages", json: { ...request, model: NATIVE } })
    expect(asked?.headers).toMatchObject({ "x-api-key": KEY, "anthropic-version": "2023-06-01" })
    expect(asked?.headers["authorization"]).toBeUndefined()
    const record = await gateway.record()
    expect(record).toMatchObject({
      prompt_tokens: 20,
      completion_tokens: 5,
      cached_tokens: 5,
      cache_write_tokens: 3,
    })
    expect(record.cost_usd).toBeCloseTo(12 * 1 + 5 * 0.1 + 3 * 2 + 5 * 10)
  })

  it("of a count of tokens costs none", async () => {
    const { gateway } = await openOne({ api: "anthropic-messages" })
    const { json } = await gateway.ask("/v1/messages/count_tokens", { model: MODEL, messages: [] })
    expect(json).toEqual({ input_tokens: 42 })
    expect(await gateway.record()).toMatchObject({
      outcome: "ok",
      total_tokens: 0,
      cost_usd: 0,
      is_estimated: false,
    })
  })

  it("a whole answer is asked for only where the API is spoken", async () => {
    const { gateway } = await openOne({ api: "openai-completions" })
    for (const route of ["responses", "messages"]) {
      expect((await gateway.ask(`/v1/${route}`, { model: MODEL })).status).toBe(404)
    }
  })

  it("a whole answer is taken down with its tokens and what they cost", async () => {
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

  it("without usage is counted from its text", async () => {
    const { gateway, upstream } = await openOne()
    const { usage: _usage, ...answer } = chatAnswer(NATIVE, "x".repeat(40))
    upstream.next(json(answer))
    await gateway.chat({ messages: [{ role: "user", content: "y".repeat(80) }] })
    expect(await gateway.record()).toMatchObject({
      prompt_tokens: 20,
      completion_tokens: 10,
      is_estimated: true,
    })
  })

  it("an answer without usage is counted from its text however large it is", async () => {
    const { gateway, upstream } = await openOne()
    const { usage: _usage, ...answer } = chatAnswer(NATIVE, "word ".repeat(20_000))
    upstream.next(json(answer))
    await gateway.chat()
    expect(await gateway.record()).toMatchObject({ completion_tokens: 25_000, is_estimated: true })
  })

  it("an answer that is large, without usage and no JSON in one of its numbers takes nothing down", async () => {
    const { gateway, upstream } = await openOne()
    const { usage: _usage, ...answer } = chatAnswer(NATIVE, "word ".repeat(20_000))
    const text = JSON.stringify({ ...answer, logprobs: 0 }).replace('"logprobs":0', '"logprobs":NaN')
    upstream.next((_received, response) => {
      response.writeHead(200, { "content-type": "application/json" }).end(text)
    })
    expect((await gateway.chat()).status).toBe(200)
    expect(await gateway.record()).toMatchObject({ is_estimated: true })
  })

  it("an answer with its usage in a choice is counted by that", async () => {
    const { gateway, upstream } = await openOne()
    const { usage, ...answer } = chatAnswer(NATIVE)
    upstream.next(json({ ...answer, choices: answer.choices.map((choice) => ({ ...choice, usage })) }))
    await gateway.chat()
    expect(await gateway.record()).toMatchObject({
      prompt_tokens: 20,
      completion_tokens: 5,
      is_estimated: false,
    })
  })

  it("a whole answer may come in pieces, with blank lines before it, and with any characters", async () => {
    const { gateway, upstream } = await openOne()
    const bytes = Buffer.from(JSON.stringify(chatAnswer(NATIVE, "Grüße \u{1f600}")))
    upstream.next(async (_received, response) => {
      response.writeHead(200, { "content-type": "application/json" })
      await write(response, "\n\n")
      for (const byte of bytes) await write(response, Buffer.from([byte]))
      response.end()
    })
    expect((await gateway.chat()).json).toEqual(chatAnswer(MODEL, "Grüße \u{1f600}"))
  })

  it("a whole answer may name any model, and gets the caller's name all the same", async () => {
    const { gateway, upstream } = await openOne({ model_mappings: { "mine/é": mapping() } })
    upstream.next(json(chatAnswer("gpt-4o-2024-08-06")))
    expect((await gateway.chat({ model: "mine/é" })).json).toEqual(chatAnswer("mine/é"))
    upstream.next(json({ ...chatAnswer(NATIVE), model: null }))
    expect((await gateway.chat({ model: "mine/é" })).json.model).toBeNull()
  })

  it("a whole answer may be large", async () => {
    const { gateway, upstream } = await openOne()
    const data = Array.from({ length: 200 }, (_, index) => ({
      object: "embedding",
      index,
      embedding: Array.from({ length: 1_536 }, () => -0.012345678),
    }))
    const answer = { object: "list", data, model: NATIVE, usage: { prompt_tokens: 9, total_tokens: 9 } }
    upstream.next(json(answer))
    const { json: got, text } = await gateway.ask("/v1/embeddings", { model: MODEL, input: "Hi" })
    expect(text.length).toBeGreaterThan(3_000_000)
    expect(got).toEqual({ ...answer, model: MODEL })
    expect(await gateway.record()).toMatchObject({ outcome: "ok", prompt_tokens: 9, total_tokens: 9 })
  })

  it.each([
    ["", { "content-type": "application/json" }, "empty_answer"],
    ["not JSON", { "content-type": "application/json" }, "bad_answer"],
    ["<html>Sorry</html>", { "content-type": "text/html" }, "bad_answer"],
    ['{"choices":[', { "content-type": "application/json" }, "bad_answer"],
    ['{"choices":[]} x', { "content-type": "application/json" }, "bad_answer"],
    ["[]", { "content-type": "application/json" }, "bad_answer"],
    ["null", { "content-type": "application/json" }, "bad_answer"],
    [`{"choices":["${"x".repeat(70_000)}`, { "content-type": "application/json" }, "bad_answer"],
    [
      `{"choices":["${"x".repeat(70_000)}"],"usage":{]}`,
      { "content-type": "application/json" },
      "bad_answer",
    ],
    ["data: {}\n\n", { "content-type": "text/event-stream" }, "bad_answer"],
    ['{"error":{"message":"x","code":500}}', { "content-type": "application/json" }, "http_500"],
    ['{"error":"down"}', { "content-type": "application/json" }, "http_502"],
    [
      `{"error":{"code":503},"x":"${"x".repeat(70_000)}"}`,
      { "content-type": "application/json" },
      "http_503",
    ],
  ])("that is none (%.30j) comes from the next backend", async (body, headers, error) => {
    const { first, gateway, second } = await openTwo()
    first.next(text(body, headers))
    const { json, status } = await gateway.chat()
    expect({ status, json }).toEqual({ status: 200, json: chatAnswer(MODEL) })
    expect(second.received).toHaveLength(1)
    const record = await gateway.record()
    expect(record).toMatchObject({ outcome: "ok", lane: "fallback", failures: [{ lane: "primary", error }] })
    expect(gateway.records).toHaveLength(1)
  })

  it("that is packed, or leads elsewhere, or is no HTTP, is none", async () => {
    const { first, gateway, second } = await openTwo()
    const answers = [
      [bomb, "encoded_answer"],
      [redirect(`${second.url}/elsewhere`), "redirect"],
      [redirect("http://169.254.169.254/latest/meta-data"), "redirect"],
      [raw("SSH-2.0-OpenSSH_9.6\r\n"), "not_http"],
      [raw(`HTTP/1.1 200 OK\r\nx: ${"y".repeat(40_000)}\r\n\r\n`), "headers_too_large"],
      [raw("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{}"), "connection_lost"],
      [raw("HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\n{} "), "connection_lost"],
    ] as const
    for (const [number, [reply, error]] of answers.entries()) {
      first.next(reply)
      expect((await gateway.chat()).json).toEqual(chatAnswer(MODEL))
      expect(await gateway.record(number + 1)).toMatchObject({ lane: "fallback", failures: [{ error }] })
      expect(second.received).toHaveLength(number + 1)
      // It may be asked again at once.
      gateway.forget()
    }
    expect(second.received.every(({ path }) => path === "/v1/chat/completions")).toBe(true)
  })

  it("a whole answer may not be larger than 32 MiB", async () => {
    const { first, gateway } = await openTwo()
    let sent = 0
    first.next(async (_received, response) => {
      response.writeHead(200, { "content-type": "application/json" })
      const piece = Buffer.alloc(1024 * 1024, 0x20)
      const closed = new Promise((resolve) => response.once("close", resolve))
      for (; !response.destroyed && sent < 100; sent += 1)
        await Promise.race([write(response, piece), closed])
    })
    expect((await gateway.chat()).status).toBe(200)
    expect(await gateway.record()).toMatchObject({ failures: [{ error: "answer_too_large" }] })
    expect(sent).toBeLessThan(60)
  })
})

describe("A base URL", () => {
  it.each([
    ["/v1", "openai-completions", "chat/completions", "/v1/chat/completions"],
    ["/v1/", "openai-completions", "chat/completions", "/v1/chat/completions"],
    ["", "openai-completions", "chat/completions", "/v1/chat/completions"],
    ["/api/paas/v4", "openai-completions", "chat/completions", "/api/paas/v4/chat/completions"],
    ["/v1beta/openai/", "openai-completions", "embeddings", "/v1beta/openai/embeddings"],
    ["", "anthropic-messages", "messages", "/v1/messages"],
    ["/v1", "anthropic-messages", "messages", "/v1/messages"],
    ["/anthropic", "anthropic-messages", "messages", "/anthropic/v1/messages"],
  ] as const)("%j (%s) has %s at %s", async (base, api, route, path) => {
    const { gateway, upstream } = await openOne({ api }, {}, base)
    await gateway.ask(`/v1/${route}?api-version=1`, { model: MODEL })
    expect(upstream.received[0]?.path).toBe(path)
  })
})
