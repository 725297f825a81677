import { once } from "node:events"
import type { IncomingMessage } from "node:http"
import { describe, expect, it } from "vitest"
import { chatAnswer, chatEvents } from "../../../support/providerAnswers.ts"
import { cut, failing, reset, silent, stall, stream, text, write } from "../../../support/upstream.ts"
import {
  backendAt,
  eventsIn,
  KEY,
  mapping,
  MODEL,
  NATIVE,
  openGateway,
  openOne,
  openTwo,
  upstreamForTest,
} from "./gateway.ts"

const streamed = { stream: true }

describe("A backend that does not serve", () => {
  it.each([
    ["429", failing(429), "rate_limited"],
    ["529", failing(529), "rate_limited"],
    ["no quota", failing(429, { code: "insufficient_quota" }), "quota"],
    ["402", failing(402), "quota"],
    ["401", failing(401), "unauthorized"],
    ["403", failing(403), "forbidden"],
    ["408", failing(408), "http_408"],
    ["500", failing(500), "http_500"],
    ["503 in HTML", text("<html>", { "content-type": "text/html" }, 503), "http_503"],
    ["401 in a coding that nobody uses", text("?", { "content-encoding": "compress" }, 401), "unauthorized"],
    ["429 in a coding that it has not", text("?", { "content-encoding": "gzip" }, 429), "rate_limited"],
    ["reset", reset, "connection_lost"],
  ])("(%s) gives way to the next one", async (_what, reply, error) => {
    const { first, gateway } = await openTwo()
    for (const more of [{}, streamed]) {
      first.next(reply)
      const { status, text } = await gateway.chat(more)
      expect(status).toBe(200)
      expect(text).not.toContain("error")
      if (gateway.records.length === 1) break
    }
    expect(await gateway.record()).toMatchObject({
      outcome: "ok",
      lane: "fallback",
      failures: [{ lane: "primary", error }],
    })
  })

  it("a backend that does not serve is told of to the router as what it was", async () => {
    const { first, gateway } = await openTwo()
    first.next(failing(429, {}, { "retry-after": "100" }))
    await gateway.chat()
    expect(gateway.observed).toEqual(["rate_limited"])
    const after = gateway.router.snapshot()
    expect([...after.backends.values()].map(({ inFlight }) => inFlight)).toEqual([0, 0])
  })

  it("because nothing listens there gives way, too", async () => {
    const [gone, here] = [await upstreamForTest(), await upstreamForTest()]
    await gone.close().catch(() => {})
    const gateway = await openGateway([backendAt(gone.url), backendAt(here.url, { pool: "fallback" })])
    expect((await gateway.chat()).json).toEqual(chatAnswer(MODEL))
    expect(await gateway.record()).toMatchObject({ failures: [{ error: "connection_refused" }] })
  })

  it("because of its address is not even connected to", async () => {
    const [first, second] = [await upstreamForTest(), await upstreamForTest()]
    const gateway = await openGateway([backendAt(first.url), backendAt(second.url, { pool: "fallback" })], {
      privateUpstreams: new Set([second.host]),
    })
    expect((await gateway.chat()).status).toBe(200)
    expect(first.connections()).toBe(0)
    expect(await gateway.record()).toMatchObject({ failures: [{ error: "address_refused" }] })
  })

  it("a backend that does not serve leaves nothing of what it said behind", async () => {
    const { first, gateway, second } = await openTwo()
    const [role, usage] = chatEvents(NATIVE, [], {
      usage: { prompt_tokens: 9_999, completion_tokens: 1 },
    }).filter((event) => !event.includes("stop"))
    first.next(stream([role!, usage!, cut]))
    second.next(stream(chatEvents(NATIVE, ["x".repeat(40)])))
    await gateway.chat({ ...streamed, messages: [{ content: "y".repeat(40) }] })
    expect(await gateway.record()).toMatchObject({ outcome: "ok", prompt_tokens: 10, is_estimated: true })
  })
})

describe("A connection that was kept", () => {
  it("a connection that was kept is used again", async () => {
    const { gateway, upstream } = await openOne()
    for (let count = 0; count < 5; count += 1) await gateway.chat(count % 2 === 0 ? {} : streamed)
    expect(upstream.connections()).toBe(1)
  })

  it("a connection that was kept is used again after an error", async () => {
    const { gateway, upstream } = await openOne()
    for (const status of [400, 404, 422]) {
      upstream.next(failing(status))
      await gateway.chat()
    }
    await gateway.chat()
    expect(upstream.connections()).toBe(1)
  })

  it("and was closed just then is no failure: the request is sent once more", async () => {
    const { gateway, upstream } = await openOne()
    await gateway.chat()
    upstream.next(reset)
    expect((await gateway.chat()).status).toBe(200)
    expect(await gateway.record(2)).toMatchObject({ outcome: "ok", lane: "primary", failures: [] })
    expect(upstream.received).toHaveLength(3)
  })

  it("a connection that was kept is not taken for the reason twice", async () => {
    const { gateway, upstream } = await openOne()
    await gateway.chat()
    upstream.next(reset, reset)
    expect((await gateway.chat()).status).toBe(503)
    expect(upstream.received).toHaveLength(3)
  })
})

describe("When no backend is left", () => {
  it("the caller is told so, and when to come again", async () => {
    const { gateway, upstream } = await openOne({}, { options: { cooldown_base_seconds: 30 } })
    upstream.next(failing(429, { message: "slow down, sk-abcdefghijk" }, { "retry-after": "40" }))
    const { headers, json, status, text } = await gateway.chat()
    expect(status).toBe(503)
    expect(json).toEqual({
      error: {
        message: "No backend can serve this model just now.",
        type: "AllPoolsExhausted",
        param: null,
        code: "all_pools_exhausted",
      },
    })
    expect(text).not.toContain("sk-")
    expect(Number(headers["retry-after"])).toBeGreaterThanOrEqual(38)
    expect(Number(headers["retry-after"])).toBeLessThanOrEqual(40)
    expect(Number(headers["retry-after-ms"])).toBeGreaterThan(38_000)
    expect(headers["x-should-retry"]).toBeUndefined()
    expect(headers["content-type"]).toBe("application/json")
    expect(await gateway.record()).toMatchObject({
      outcome: "error",
      status: 503,
      error: "all_pools_exhausted",
      backend: null,
      lane: null,
      failures: [{ error: "rate_limited" }],
      total_tokens: 0,
    })
    // The next one is sent nowhere.
    await gateway.chat()
    expect(upstream.received).toHaveLength(1)
    expect(await gateway.record(2)).toMatchObject({ outcome: "refused", status: 503, failures: [] })
  })

  it("and for long, clients are told not to try", async () => {
    const { gateway, upstream } = await openOne()
    upstream.next(failing(429, {}, { "retry-after": "90" }))
    const { headers } = await gateway.chat()
    expect(headers["x-should-retry"]).toBe("false")
    expect(Number(headers["retry-after"])).toBeGreaterThan(85)
  })

  it("a caller waits at least a second when no backend is left", async () => {
    const { gateway, upstream } = await openOne(
      {},
      { options: { cooldown_base_seconds: 0.3, queue_seconds: 0.01 } },
    )
    upstream.next(failing(429))
    const { headers, status } = await gateway.chat()
    expect(status).toBe(503)
    expect(headers["retry-after"]).toBe("1")
  })

  it("and the queue is full, that is said", async () => {
    const { gateway, upstream } = await openOne(
      {},
      { options: { cooldown_base_seconds: 1, queue_depth: 0, queue_seconds: 30 } },
    )
    upstream.next(failing(429))
    const { json, status } = await gateway.chat()
    expect(status).toBe(503)
    expect(json.error).toMatchObject({ type: "AllPoolsExhausted", code: "queue_full" })
  })

  it("Anthropic's callers are told in their way", async () => {
    const { gateway, upstream } = await openOne({ api: "anthropic-messages" })
    upstream.next(failing(529))
    const { headers, json, status } = await gateway.ask("/v1/messages", { model: MODEL })
    expect(status).toBe(503)
    expect(json).toEqual({
      type: "error",
      error: { type: "overloaded_error", message: "No backend can serve this model just now." },
    })
    expect(headers["retry-after"]).toBeDefined()
  })
})

describe("What is the caller's own fault", () => {
  it.each([400, 404, 409, 413, 415, 422])("(%d) is told, and no other backend is asked", async (status) => {
    const { first, gateway, second } = await openTwo()
    first.next(failing(status, { message: "no", type: "invalid_request_error", param: "n", code: "c" }))
    const answer = await gateway.chat()
    expect(answer).toMatchObject({
      status,
      json: { error: { message: "no", type: "invalid_request_error", param: "n", code: "c" } },
    })
    expect(second.received).toHaveLength(0)
    expect(gateway.observed).toEqual([])
    expect(await gateway.record()).toMatchObject({
      outcome: "error",
      status,
      error: `http_${status}`,
      lane: "primary",
      failures: [],
    })
  })

  it("what is the caller's own fault is told in our words where the provider has none, and never word for word", async () => {
    const { gateway, upstream } = await openOne()
    upstream.next(text("<html><script>alert(1)</script></html>", { "content-type": "text/html" }, 400))
    expect((await gateway.chat()).json.error).toEqual({
      message: "The provider refused the request (400).",
      type: "invalid_request_error",
      param: null,
      code: "refused_by_provider",
    })
    upstream.next(
      failing(400, {
        message: `${NATIVE} with ${KEY}\r\nis\u0000 bad`,
        type: "a b",
        code: "<x>",
        other: "secret",
      }),
    )
    expect((await gateway.chat()).json).toEqual({
      error: {
        message: `${MODEL} with *** is  bad`,
        type: "invalid_request_error",
        param: null,
        code: "refused_by_provider",
      },
    })
  })

  it("what is the caller's own fault is told in Anthropic's way to Anthropic's callers", async () => {
    const { gateway, upstream } = await openOne({ api: "anthropic-messages" })
    upstream.next((_received, response) => {
      const error = { type: "invalid_request_error", message: "max_tokens: required" }
      response
        .writeHead(400, { "content-type": "application/json" })
        .end(JSON.stringify({ type: "error", error }))
    })
    const { json, status } = await gateway.ask("/v1/messages", { model: MODEL })
    expect({ status, json }).toEqual({
      status: 400,
      json: { type: "error", error: { type: "invalid_request_error", message: "max_tokens: required" } },
    })
  })
})

const quick = {
  connect_timeout_seconds: 5,
  first_byte_timeout_seconds: 0.2,
  idle_timeout_seconds: 0.2,
  request_timeout_seconds: 0.1,
  stream_timeout_seconds: 1,
}

describe("A backend that takes too long", () => {
  it("to begin a stream gives way to the next one", async () => {
    const { first, gateway } = await openTwo({ options: quick })
    first.next(silent)
    expect((await gateway.chat(streamed)).status).toBe(200)
    expect(await gateway.record()).toMatchObject({
      lane: "fallback",
      failures: [{ error: "first_byte_timeout" }],
    })
    expect((await first.request(1)).wasAborted()).toBe(true)
  })

  it("with a whole answer gives way after its own time", async () => {
    const { first, gateway } = await openTwo({ options: quick }, { timeout_seconds: 1 })
    first.next(silent)
    const since = performance.now()
    expect((await gateway.chat()).status).toBe(200)
    expect(performance.now() - since).toBeGreaterThan(950)
    expect(await gateway.record()).toMatchObject({ lane: "fallback", failures: [{ error: "total_timeout" }] })
  })

  it("a backend that takes too long may take longer for a whole answer than a stream for its beginning", async () => {
    const { gateway, upstream } = await openOne({}, { options: quick })
    upstream.next((_received, response) => {
      setTimeout(() => response.end(JSON.stringify(chatAnswer(NATIVE))), 500)
    })
    expect((await gateway.chat()).status).toBe(200)
  })

  it("in the middle of its answer gives way while nothing has gone out", async () => {
    const { first, gateway } = await openTwo({ options: quick })
    first.next(async (_received, response) => {
      response.writeHead(200, { "content-type": "application/json" })
      await write(response, '{"id":"x"')
    })
    expect((await gateway.chat()).status).toBe(200)
    expect(await gateway.record()).toMatchObject({ failures: [{ error: "idle_timeout" }] })
    first.next(stream([chatEvents(NATIVE, [])[0]!, stall]))
    expect((await gateway.chat(streamed)).status).toBe(200)
    expect(await gateway.record(2)).toMatchObject({ failures: [{ error: "idle_timeout" }] })
  })

  const signs = [": keep-alive\n\n", "\n", "\r\n", ":\n", "event: ping\ndata: {}\n\n"]
  it.each(signs)("a stream is waited for while it gives a sign of life (%j)", async (sign) => {
    const { gateway, upstream } = await openOne({}, { options: quick })
    const [role, one, ...others] = chatEvents(NATIVE, ["Hel"])
    const thinking = async (response: Parameters<typeof write>[0]) => {
      for (let count = 0; count < 20; count += 1) {
        await write(response, sign)
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    }
    upstream.next(stream([role!, thinking, one!, thinking, ...others]))
    expect((await gateway.chat(streamed)).text).toContain("[DONE]")
    expect(await gateway.record()).toMatchObject({ outcome: "ok", failures: [] })
  })

  it("a stream that falls silent is cut off, which is told as the time-out that it was, and metered", async () => {
    const { gateway, upstream } = await openOne({}, { options: quick })
    upstream.next(stream([...chatEvents(NATIVE, ["x".repeat(40)]).slice(0, 2), stall]))
    const { text } = await gateway.chat({ ...streamed, messages: [{ content: "y".repeat(40) }] })
    expect(eventsIn(text).at(-1)).toMatchObject({
      error: { code: "stream_interrupted", message: expect.stringContaining("(idle_timeout)") },
    })
    expect(await gateway.record()).toMatchObject({
      outcome: "error",
      error: "idle_timeout",
      prompt_tokens: 10,
      completion_tokens: 10,
      is_estimated: true,
    })
  })

  it("a time-out of the only backend is told to the caller", async () => {
    const { gateway, upstream } = await openOne({}, { options: quick })
    upstream.always(silent)
    const { json, status } = await gateway.chat(streamed)
    expect(status).toBe(503)
    expect(json.error).toMatchObject({ message: expect.stringContaining("(first_byte_timeout)") })
  })

  it("a backend that takes too long is not found out while it goes on, however slowly an event comes", async () => {
    const { gateway, upstream } = await openOne({}, { options: quick })
    const events = chatEvents(NATIVE, ["Hello"]).join("")
    const slowly = async (response: Parameters<typeof write>[0]) => {
      for (let at = 0; at < events.length; at += 40) {
        await write(response, events.slice(at, at + 40))
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
    }
    upstream.next(stream([slowly]))
    expect((await gateway.chat(streamed)).text).toContain("[DONE]")
  })

  it("with all of a stream is cut off", async () => {
    const { gateway, upstream } = await openOne({ timeout_seconds: 0.1 }, { options: quick })
    const [role, one] = chatEvents(NATIVE, ["Hel"])
    upstream.next(
      stream([
        role!,
        async (response) => {
          while (!response.destroyed) {
            await write(response, one!)
            await new Promise((resolve) => setTimeout(resolve, 50))
          }
        },
      ]),
    )
    const { text } = await gateway.chat(streamed)
    expect(eventsIn(text).at(-1)).toMatchObject({ error: { code: "stream_interrupted" } })
    const record = await gateway.record()
    expect(record).toMatchObject({ outcome: "error", error: "total_timeout" })
    expect(record.latency_ms).toBeGreaterThan(990)
  })

  it("to take a connection gives way", async () => {
    // Documentation's addresses lead nowhere: what is sent to them is lost, or refused by a router.
    const here = await upstreamForTest()
    const nowhere = "http://192.0.2.1:81/v1"
    const backends = [backendAt(nowhere), backendAt(here.url, { pool: "fallback" })]
    const gateway = await openGateway(backends, { options: { ...quick, connect_timeout_seconds: 0.2 } })
    expect((await gateway.chat()).status).toBe(200)
    const [failure] = (await gateway.record()).failures
    expect(failure?.error).toMatch(/^connect_timeout|connection_failed|connection_refused$/)
  })
})

describe("A client that goes away", () => {
  const gone = async (
    gateway: Awaited<ReturnType<typeof openOne>>["gateway"],
    more: object,
    afterAnswer: boolean,
  ) => {
    const request = gateway.send("/v1/chat/completions", {
      model: MODEL,
      messages: [{ content: "y".repeat(40) }],
      ...more,
    })
    request.on("error", () => {})
    return {
      request,
      response: afterAnswer ? ((await once(request, "response")) as [IncomingMessage])[0] : undefined,
    }
  }

  it.each([{}, streamed])("before an answer has its request taken back (%j)", async (more) => {
    const { first, gateway, second } = await openTwo()
    first.next(silent)
    const { request } = await gone(gateway, more, false)
    const asked = await first.request(1)
    request.destroy()
    await asked.closed
    expect(asked.wasAborted()).toBe(true)
    expect(await gateway.record()).toMatchObject({
      outcome: "aborted",
      error: "client_gone",
      status: 499,
      backend: expect.any(String),
      lane: "primary",
      failures: [],
      total_tokens: 0,
    })
    expect(second.received).toHaveLength(0)
    expect(gateway.records).toHaveLength(1)
    expect(gateway.router.snapshot().inFlight).toBe(0)
  })

  it("in the middle of a whole answer, too", async () => {
    const { gateway, upstream } = await openOne()
    upstream.next(async (_received, response) => {
      response.writeHead(200, { "content-type": "application/json" })
      await write(response, '{"id":')
    })
    const { request } = await gone(gateway, {}, false)
    const asked = await upstream.request(1)
    request.destroy()
    await asked.closed
    expect(await gateway.record()).toMatchObject({ outcome: "aborted", status: 499 })
  })

  it("in the middle of a stream, and what it had is counted", async () => {
    const { gateway, upstream } = await openOne()
    upstream.next(stream([...chatEvents(NATIVE, ["x".repeat(40), "y".repeat(40)]).slice(0, 3), stall]))
    const { request, response } = await gone(gateway, streamed, true)
    await once(response!, "data")
    request.destroy()
    await (
      await upstream.request(1)
    ).closed
    const record = await gateway.record()
    expect(record).toMatchObject({
      outcome: "aborted",
      error: "client_gone",
      status: 200,
      is_stream: true,
      prompt_tokens: 10,
      is_estimated: true,
    })
    expect(record.completion_tokens).toBeGreaterThanOrEqual(10)
    expect(record.completion_tokens).toBeLessThanOrEqual(25)
    expect(record.first_output_ms).not.toBeNull()
  })

  it("while it waits in the queue leaves it", async () => {
    const { gateway, upstream } = await openOne(
      {},
      { options: { cooldown_base_seconds: 20, queue_seconds: 30 } },
    )
    upstream.next(failing(429))
    const { request } = await gone(gateway, {}, false)
    await upstream.request(1)
    while (gateway.router.snapshot().queueDepth === 0) await new Promise((resolve) => setImmediate(resolve))
    request.destroy()
    expect(await gateway.record()).toMatchObject({
      outcome: "aborted",
      failures: [{ error: "rate_limited" }],
    })
    expect(gateway.router.snapshot().queueDepth).toBe(0)
  })

  it("before its request is here is noted", async () => {
    const { gateway, upstream } = await openOne()
    const request = gateway.send("/v1/chat/completions", "{", { headers: { "content-length": "1000" } })
    request.on("error", () => {})
    await once(gateway.server, "request")
    request.destroy()
    expect(await gateway.record()).toMatchObject({ outcome: "aborted", model: "unknown" })
    expect(upstream.received).toHaveLength(0)
  })
})

describe("The model", () => {
  it("that nobody maps is not there", async () => {
    const { gateway, upstream } = await openOne()
    const { json, status } = await gateway.chat({ model: "none" })
    expect(status).toBe(404)
    expect(json.error).toMatchObject({
      code: "model_not_found",
      type: "invalid_request_error",
      param: "model",
    })
    expect(upstream.received).toHaveLength(0)
    // Names that callers make up are not kept.
    expect(await gateway.record()).toMatchObject({
      outcome: "refused",
      status: 404,
      model: "unknown",
      error: "model_not_found",
    })
  })

  it("the model has another name at each backend", async () => {
    const [first, second] = [await upstreamForTest(), await upstreamForTest()]
    const gateway = await openGateway([
      backendAt(first.url, { model_mappings: { [MODEL]: mapping({ native_id: "one" }) } }),
      backendAt(second.url, { model_mappings: { [MODEL]: mapping({ native_id: "two" }) }, pool: "fallback" }),
    ])
    first.next(failing(500))
    expect((await gateway.chat()).json).toEqual(chatAnswer(MODEL))
    expect(first.received[0]?.json).toMatchObject({ model: "one" })
    expect(second.received[0]?.json).toMatchObject({ model: "two" })
  })
})
