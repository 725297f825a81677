import { once } from "node:events"
import type { IncomingMessage, ServerResponse } from "node:http"
import { setTimeout } from "node:timers/promises"
import { describe, expect, it, onTestFinished, vi } from "vitest"
import {
  chatEvents,
  chatUsage,
  completionEvents,
  messagesEvents,
  responsesEvents,
} from "../../../support/providerAnswers.ts"
import { cut, failing, json, stall, stream, text, well, write } from "../../../support/upstream.ts"
import { eventsIn, mapping, MODEL, NATIVE, openOne, openTwo } from "./gateway.ts"

const streamed = { stream: true }
const told = { stream: true, stream_options: { include_usage: true } }
const pieces = ["Hel", "lo ", "there"]

/** Reads until the text so far is enough; the rest may never come. */
const readUntil = async (response: IncomingMessage, isEnough: (text: string) => boolean) => {
  let text = ""
  response.setEncoding("utf8")
  while (!isEnough(text)) {
    const chunk = response.read() as string | null
    if (chunk === null) await once(response, "readable")
    else text += chunk
  }
  return text
}

describe("A stream", () => {
  it("a stream is the backend's, under the caller's name of the model", async () => {
    const { gateway, upstream } = await openOne()
    const { headers, status, text } = await gateway.chat(told)
    expect(status).toBe(200)
    expect(text).toBe(chatEvents(MODEL, pieces, { usage: chatUsage }).join(""))
    expect(headers).toMatchObject({
      "content-type": "text/event-stream",
      "cache-control": "no-cache",
      "x-accel-buffering": "no",
    })
    expect(upstream.received[0]?.json).toMatchObject({ model: NATIVE, ...told })
  })

  it("a stream is asked for its usage, which who did not ask for it does not see", async () => {
    const { gateway, upstream } = await openOne()
    const { text } = await gateway.chat(streamed)
    expect(upstream.received[0]?.json).toMatchObject({ stream_options: { include_usage: true } })
    expect(eventsIn(text).map(({ choices }) => choices?.length)).toEqual([1, 1, 1, 1, 1, undefined])
    expect(text).toBe(
      chatEvents(MODEL, pieces, { usage: chatUsage })
        .filter((event) => !event.includes('"choices":[]'))
        .join(""),
    )
    const record = await gateway.record()
    expect(record).toMatchObject({
      is_stream: true,
      outcome: "ok",
      status: 200,
      prompt_tokens: 20,
      completion_tokens: 5,
      cached_tokens: 8,
      reasoning_tokens: 2,
      is_estimated: false,
    })
    expect(record.cost_usd).toBeCloseTo(12 * 1 + 8 * 0.1 + 5 * 10)
    expect(record.first_output_ms).toBeGreaterThan(0)
    expect(record.first_output_ms).toBeLessThanOrEqual(record.latency_ms)
  })

  it.each([
    ["completions", { prompt: "Hi" }, completionEvents(MODEL, pieces)],
    ["responses", { input: "Hi" }, responsesEvents(MODEL, pieces)],
  ])("of %s goes the same way", async (route, request, events) => {
    const { gateway } = await openOne()
    const { text } = await gateway.ask(`/v1/${route}`, { model: MODEL, ...streamed, ...request })
    expect(text).toBe(events.join(""))
    expect(await gateway.record()).toMatchObject({
      route,
      outcome: "ok",
      prompt_tokens: 20,
      completion_tokens: 5,
      is_estimated: false,
    })
  })

  const usage = { prompt_tokens: 1900, completion_tokens: 1300, total_tokens: 3200 }
  it.each([
    ["a choice, as Moonshot does", { choices: [{ index: 0, delta: {}, finish_reason: "stop", usage }] }],
    ["a field of its own, as Groq does", { choices: [], x_groq: { usage } }],
  ])("a stream may tell its usage in %s", async (_name, chunk) => {
    const { gateway, upstream } = await openOne()
    const events = chatEvents(NATIVE, pieces)
    upstream.next(stream([...events.slice(0, -1), `data: ${JSON.stringify(chunk)}\n\n`, ...events.slice(-1)]))
    await gateway.chat(streamed)
    expect(await gateway.record()).toMatchObject({ ...usage, is_estimated: false })
  })

  it("of Anthropic's API has its usage in several events", async () => {
    const { gateway, upstream } = await openOne({ api: "anthropic-messages" })
    const { text } = await gateway.ask("/v1/messages", { model: MODEL, ...streamed, messages: [] })
    expect(text).toBe(messagesEvents(MODEL, pieces).join(""))
    expect(upstream.received[0]?.json).toEqual({ model: NATIVE, stream: true, messages: [] })
    expect(await gateway.record()).toMatchObject({
      prompt_tokens: 20,
      cached_tokens: 5,
      cache_write_tokens: 3,
      completion_tokens: 5,
      outcome: "ok",
      is_estimated: false,
    })
  })

  it("a stream is whole however its bytes come", async () => {
    const { gateway, upstream } = await openOne()
    const content = ["Grüße ", "\u{1f600}", '"quoted" \\ data: [DONE]', "\n\n"]
    const sent = [
      "\n\n",
      ": OPENROUTER PROCESSING\n\n",
      ...chatEvents(NATIVE, content, { usage: chatUsage }).map((event) => event.replace(/\n\n$/, "\r\n\r\n")),
    ]
    const bytes = Buffer.from(sent.join(""))
    const seen = async (size: number) => {
      const parts = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
        bytes.subarray(at * size, (at + 1) * size),
      )
      upstream.next(stream(parts))
      return (await gateway.chat(told)).text
    }
    const expected = sent.join("").replaceAll(`"${NATIVE}"`, `"${MODEL}"`)
    for (const size of [1, 2, 3, 7, 100, 5_000]) expect(await seen(size)).toBe(expected)
  })

  it("a stream comes as it is sent", async () => {
    const { gateway, upstream } = await openOne()
    const events = chatEvents(NATIVE, ["one", "two"])
    let goOn = () => {}
    const gone = new Promise<void>((resolve) => {
      goOn = resolve
    })
    upstream.next(stream([events[0]!, events[1]!, () => gone, ...events.slice(2)]))
    const request = gateway.send("/v1/chat/completions", { model: MODEL, ...streamed })
    const [response] = (await once(request, "response")) as [IncomingMessage]
    expect(await readUntil(response, (text) => text.includes("one"))).not.toContain("two")
    goOn()
    expect(await readUntil(response, (text) => text.includes("[DONE]"))).toContain("two")
  })

  it("a stream passes on what can't be read, and what is noise", async () => {
    const { gateway, upstream } = await openOne()
    const [role, one, ...others] = chatEvents(MODEL, ["one"])
    const odd = [
      "data: {broken\n\n",
      "event: ping\ndata: {}\n\n",
      ": comment\n\n",
      "id: 7\n\n",
      "data: 7\n\n",
    ]
    const sent = [role!, ...odd, one!, ...odd, ...others]
    upstream.next(stream(sent))
    expect((await gateway.chat(streamed)).text).toBe(sent.join(""))
    expect(await gateway.record()).toMatchObject({ outcome: "ok" })
  })

  it("a stream has nothing behind its end", async () => {
    const { gateway, upstream } = await openOne()
    upstream.next(stream([chatEvents(MODEL, ["one"]).join("") + "data: more\n\n", stall]))
    expect((await gateway.chat(streamed)).text).toBe(chatEvents(MODEL, ["one"]).join(""))
    expect(await gateway.record()).toMatchObject({ outcome: "ok" })
  })

  it("a stream may end without [DONE], if it has come to a finish, and without its last blank line", async () => {
    const { gateway, upstream } = await openOne()
    const events = chatEvents(MODEL, ["one"])
    upstream.next(stream(events.slice(0, -1)))
    expect((await gateway.chat(streamed)).text).toBe(events.slice(0, -1).join(""))
    upstream.next(stream([events.join("").trimEnd()]))
    expect((await gateway.chat(streamed)).text).toBe(events.join(""))
    expect(gateway.records).toMatchObject([{ outcome: "ok" }, { outcome: "ok" }])
  })

  it("that the caller does not take stops coming, and nobody is to blame", async () => {
    const { gateway, upstream } = await openOne({}, { options: { idle_timeout_seconds: 0.3 } })
    const piece = chatEvents(NATIVE, ["x".repeat(64 * 1024)])[1]!
    let sent = 0
    upstream.next(async (_received, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" })
      for (; sent < 2_000 && !response.destroyed; sent += 1) await write(response, piece)
      response.end("data: [DONE]\n\n")
    })
    const request = gateway.send("/v1/chat/completions", { model: MODEL, ...streamed })
    const [response] = (await once(request, "response")) as [IncomingMessage]
    // It stands still, longer than a provider may, far from its end: what is in between has a bound.
    for (let before = -1; before !== sent; await setTimeout(400)) before = sent
    expect(sent).toBeGreaterThan(0)
    expect(sent).toBeLessThan(500)
    let bytes = 0
    for await (const chunk of response) bytes += (chunk as Buffer).length
    expect(bytes).toBeGreaterThan(2_000 * 64 * 1024)
    expect(await gateway.record()).toMatchObject({ outcome: "ok" })
  })
})

describe("A backend that does not know stream_options", () => {
  const refusing = (message: string) =>
    failing(400, { message, type: "invalid_request_error", param: null, code: null })

  it("a backend that does not know stream_options is asked without them, once and for all, and the usage is an estimate", async () => {
    const { gateway, upstream } = await openOne()
    upstream.always((received, response) =>
      received.json?.["stream_options"] === undefined
        ? well(received, response)
        : refusing("Unrecognized request argument supplied: stream_options")(received, response),
    )
    const content = "y".repeat(40)
    expect((await gateway.chat({ ...streamed, messages: [{ content }] })).status).toBe(200)
    expect(upstream.received.map(({ json }) => json?.["stream_options"] !== undefined)).toEqual([true, false])
    expect(await gateway.record()).toMatchObject({
      outcome: "ok",
      prompt_tokens: 10,
      is_estimated: true,
      failures: [],
    })
    expect(gateway.records[0]?.completion_tokens).toBeGreaterThanOrEqual(3)
    await gateway.chat(streamed)
    expect(upstream.received).toHaveLength(3)
    expect(upstream.received[2]?.json?.["stream_options"]).toBeUndefined()
  })

  it("a backend that does not know stream_options is not asked again where the caller wanted them", async () => {
    const { gateway, upstream } = await openOne()
    upstream.always(refusing("stream_options is not allowed"))
    expect((await gateway.chat(told)).status).toBe(400)
    expect(upstream.received).toHaveLength(1)
    expect((await gateway.chat(streamed)).status).toBe(400)
    expect(upstream.received).toHaveLength(3)
  })

  it("a backend that does not know stream_options is known from its mapping, too", async () => {
    const compat = { supportsUsageInStreaming: false }
    const { gateway, upstream } = await openOne({ model_mappings: { [MODEL]: mapping({ compat }) } })
    await gateway.chat(streamed)
    expect(upstream.received[0]?.json).toEqual({
      model: NATIVE,
      stream: true,
      messages: [{ role: "user", content: "Hi" }],
    })
    expect(await gateway.record()).toMatchObject({ is_estimated: true })
  })
})

const role = chatEvents(NATIVE, [])[0]!

describe("Before there is output", () => {
  it.each([
    ["the connection is lost", stream([role, cut]), "connection_lost"],
    ["the stream ends", stream([role]), "stream_cut_off"],
    ["there is nothing but comments", stream([": x\n\n", ": y\n\n"]), "stream_cut_off"],
    ["the stream is empty", stream([]), "stream_cut_off"],
    ["it says that it failed", stream([role, 'data: {"error":{"message":"x","code":500}}\n\n']), "http_500"],
    ["it is limited", stream([role, 'data: {"error":{"code":"rate_limit_exceeded"}}\n\n']), "rate_limited"],
    [
      "it has output and an error at once",
      stream([`${chatEvents(NATIVE, ["x"]).slice(0, 2).join("")}data: {"error":{"code":500}}\n\n`]),
      "http_500",
    ],
    ["it is no stream", json({ id: "x", choices: [] }), "not_a_stream"],
    ["it is an error after all", json({ error: { code: 503 } }), "http_503"],
    ["it is a page", text("<html>", { "content-type": "text/html" }), "bad_answer"],
  ])("and %s, the next backend serves", async (_what, reply, error) => {
    const { first, gateway } = await openTwo()
    first.next(reply)
    const { text, status } = await gateway.chat(told)
    expect(status).toBe(200)
    expect(text).toBe(chatEvents(MODEL, pieces, { usage: chatUsage }).join(""))
    expect(await gateway.record()).toMatchObject({
      outcome: "ok",
      lane: "fallback",
      prompt_tokens: 20,
      completion_tokens: 5,
      is_estimated: false,
      failures: [{ lane: "primary", error }],
    })
  })

  it("and it is the caller's own fault, the caller is told", async () => {
    const { first, gateway, second } = await openTwo()
    first.next(stream([role, 'data: {"error":{"message":"too long","code":"context_length_exceeded"}}\n\n']))
    const { json, status } = await gateway.chat(streamed)
    expect(status).toBe(400)
    expect(json.error).toMatchObject({ message: "too long", code: "context_length_exceeded" })
    expect(second.received).toHaveLength(0)
  })

  it.each(["anthropic-messages", "openai-responses"] as const)("%s is the same", async (api) => {
    const { first, gateway } = await openTwo({}, { api })
    const isAnthropic = api === "anthropic-messages"
    const events = isAnthropic ? messagesEvents(NATIVE, pieces) : responsesEvents(NATIVE, pieces)
    const error = isAnthropic
      ? 'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n'
      : 'event: response.failed\ndata: {"type":"response.failed","response":{"error":{"code":"rate_limit_exceeded"}}}\n\n'
    first.next(stream([...events.slice(0, 3), error]))
    const { text } = await gateway.ask(isAnthropic ? "/v1/messages" : "/v1/responses", {
      model: MODEL,
      ...streamed,
    })
    expect(text).toBe(events.join("").replaceAll(`"${NATIVE}"`, `"${MODEL}"`))
    expect(await gateway.record()).toMatchObject({
      outcome: "ok",
      lane: "fallback",
      failures: [{ error: "rate_limited" }],
    })
    expect(gateway.observed).toEqual(["rate_limited"])
  })

  it("no more than 64 events are held back", async () => {
    const { gateway, upstream } = await openOne()
    const many = Array.from({ length: 64 }, () => role)
    upstream.next(stream([...many, stall]))
    const request = gateway.send("/v1/chat/completions", { model: MODEL, ...streamed })
    const [response] = (await once(request, "response")) as [IncomingMessage]
    expect(response.statusCode).toBe(200)
    request.destroy()
  })

  it("no more than 256 KiB are held back, in one event or in many", async () => {
    const { gateway, upstream } = await openOne()
    for (const piece of [`: ${"x".repeat(300_000)}\n\n`, `data: {"x":"${"x".repeat(300_000)}`]) {
      upstream.next(stream([piece, stall]))
      const request = gateway.send("/v1/chat/completions", { model: MODEL, ...streamed })
      const [response] = (await once(request, "response")) as [IncomingMessage]
      expect(response.statusCode).toBe(200)
      request.destroy()
    }
  })
})

describe("A stream with nothing but signs of life", () => {
  it("a stream with nothing but signs of life is held back for a minute, so that no client takes it for dead", async () => {
    const { gateway, upstream } = await openOne({ timeout_seconds: 600 })
    vi.useFakeTimers({ toFake: ["performance"] })
    onTestFinished(() => void vi.useRealTimers())
    let count = 0
    const thinking = async (response: ServerResponse) => {
      for (; !response.destroyed; count += 1) {
        await write(response, ": thinking\n\n")
        vi.advanceTimersByTime(5_000)
        await setTimeout(2)
      }
    }
    upstream.next(stream([role, thinking]))
    const request = gateway.send("/v1/chat/completions", { model: MODEL, ...streamed })
    const [response] = (await once(request, "response")) as [IncomingMessage]
    expect(response.statusCode).toBe(200)
    expect(count).toBeGreaterThan(10)
    expect(await readUntil(response, (text) => text.includes("thinking"))).toContain('"role"')
    request.destroy()
  })
})

describe("After the first output", () => {
  const begun = chatEvents(NATIVE, ["Hel"]).slice(0, 2)
  const shown = chatEvents(MODEL, ["Hel"]).slice(0, 2).join("")

  it.each([
    ["the connection is lost", [cut], "connection_lost"],
    ["the stream ends", [], "stream_cut_off"],
    ["it says that it failed", ['data: {"error":{"message":"x","code":500}}\n\n'], "http_500"],
    ["an event is too large", [`data: ${"x".repeat(17 * 1024 * 1024)}`], "event_too_large"],
  ] as const)("and %s, the caller is told, and there is no end", async (_what, more, error) => {
    const { first, gateway, second } = await openTwo()
    const hasBegun = gateway.begun()
    first.next(stream([...begun, () => hasBegun, ...more]))
    const { text, status } = await gateway.chat({ ...streamed, messages: [{ content: "y".repeat(40) }] })
    expect(status).toBe(200)
    expect(text.startsWith(shown)).toBe(true)
    expect(text).not.toContain("[DONE]")
    expect(text.endsWith("\n\n")).toBe(true)
    const events = eventsIn(text.slice(shown.length))
    expect(events).toEqual([
      {
        error: {
          message: "The provider's answer broke off.",
          type: "upstream_error",
          param: null,
          code: "stream_interrupted",
        },
      },
    ])
    expect(second.received).toHaveLength(0)
    expect(await gateway.record()).toMatchObject({
      outcome: "error",
      status: 200,
      error,
      backend: expect.any(String),
      prompt_tokens: 10,
      completion_tokens: 1,
      is_estimated: true,
    })
  })

  it("Anthropic's callers are told in their way", async () => {
    const { gateway, upstream } = await openOne({ api: "anthropic-messages" })
    const hasBegun = gateway.begun()
    upstream.next(stream([...messagesEvents(NATIVE, ["x".repeat(40)]).slice(0, 4), () => hasBegun, cut]))
    const { text } = await gateway.ask("/v1/messages", { model: MODEL, ...streamed })
    expect(text.split("\n\n").at(-2)).toBe(
      'event: error\ndata: {"type":"error","error":{"type":"api_error","message":"The provider\'s answer broke off."}}',
    )
    expect(text).not.toContain("message_stop")
    expect(await gateway.record()).toMatchObject({
      outcome: "error",
      prompt_tokens: 20,
      completion_tokens: 10,
      is_estimated: true,
    })
  })

  it("the Responses API's callers are told in theirs", async () => {
    const { gateway, upstream } = await openOne()
    const hasBegun = gateway.begun()
    upstream.next(stream([...responsesEvents(NATIVE, ["x"]).slice(0, 4), () => hasBegun, cut]))
    const { text } = await gateway.ask("/v1/responses", { model: MODEL, ...streamed })
    expect(text).toContain("event: error\n")
    expect(eventsIn(text).at(-1)).toMatchObject({ type: "error", code: "stream_interrupted" })
    expect(text).not.toContain("response.completed")
  })

  it("nothing that a provider says of the failure is passed on", async () => {
    const { gateway, upstream } = await openOne()
    const hasBegun = gateway.begun()
    upstream.next(
      stream([
        ...begun,
        () => hasBegun,
        'data: {"error":{"message":"key sk-abcdefgh is out","code":"server_error"}}\n\n',
        "data: [DONE]\n\n",
      ]),
    )
    const { text } = await gateway.chat(streamed)
    expect(text).not.toContain("sk-abc")
    expect(text).not.toContain("[DONE]")
  })
})
