import { once } from "node:events"
import { connect } from "node:net"
import OpenAI, { NotFoundError } from "openai"
import { describe, expect, it } from "vitest"
import { chatAnswer, chatEvents } from "../../../support/providerAnswers.ts"
import { failing, json, stream } from "../../../support/upstream.ts"
import { backendAt, mapping, MODEL, NATIVE, openGateway, openOne, upstreamForTest } from "./gateway.ts"

const admin = { token: "tb-admin" }

describe("Who asks", () => {
  it.each([
    ["", 401, "unauthorized"],
    ["tb-nobody", 401, "unauthorized"],
    ["disabled", 403, "member_disabled"],
  ])("with the token %j is told %d", async (token, status, code) => {
    const { gateway, upstream } = await openOne()
    for (const answer of [
      await gateway.chat({}, { token }),
      await gateway.ask("/v1/models", "", { token, method: "GET" }),
    ]) {
      expect(answer.status).toBe(status)
      expect(answer.json.error.code).toBe(code)
      expect(answer.headers["x-request-id"]).toMatch(/^[0-9a-f-]{36}$/)
    }
    expect(upstream.received).toHaveLength(0)
    expect(gateway.records).toHaveLength(0)
  })

  it("a caller may be nobody in particular", async () => {
    const { gateway } = await openOne()
    expect((await gateway.chat({}, { token: "shared" })).status).toBe(200)
    expect(await gateway.record()).toMatchObject({ member: null, outcome: "ok" })
  })

  it("a caller may come with Anthropic's header, and is refused in Anthropic's way", async () => {
    const { gateway } = await openOne({ api: "anthropic-messages" })
    const asking = { token: "", headers: { "x-api-key": "tb-member" } }
    expect((await gateway.ask("/v1/messages", { model: MODEL }, asking)).status).toBe(200)
    const { json, status } = await gateway.ask("/v1/messages", { model: MODEL }, { token: "" })
    expect(status).toBe(401)
    expect(json).toMatchObject({ type: "error", error: { type: "authentication_error" } })
  })

  it("a caller is told of a header that is not as it should be", async () => {
    const { gateway } = await openOne()
    const { json, status } = await gateway.chat({}, { headers: { "crewlog-task": "bad" } })
    expect(status).toBe(400)
    expect(json.error).toMatchObject({ code: "bad_header", param: "Crewlog-Task" })
  })

  it.each([
    [
      { kind: "over_limit", limit: "requests_per_minute", allowed: 3, retryAfterSeconds: 7 },
      429,
      "requests_per_minute",
      "7",
    ],
    [
      { kind: "over_limit", limit: "usd_per_day", allowed: 3, retryAfterSeconds: 70_000 },
      402,
      "usd_per_day",
      undefined,
    ],
    [
      { kind: "over_limit", limit: "tokens_per_day", allowed: 3, retryAfterSeconds: 90 },
      402,
      "tokens_per_day",
      undefined,
    ],
    [{ kind: "not_ready", retryAfterSeconds: 1 }, 503, "not_ready", "1"],
  ] as const)("and has to wait (%j) is told so", async (refusal, status, code, seconds) => {
    const { gateway, upstream } = await openOne()
    const open = await openGateway([backendAt(upstream.url)], {
      callers: { ...gateway.callers, allow: () => refusal },
    })
    const { headers, json, status: answered } = await open.chat()
    expect(answered).toBe(status)
    expect(json.error).toMatchObject({ code, param: null })
    expect(headers["retry-after"]).toBe(seconds)
    expect(headers["x-should-retry"]).toBe(
      seconds === undefined || Number(seconds) >= 60 ? "false" : undefined,
    )
    expect(upstream.received).toHaveLength(0)
    expect(await open.record()).toMatchObject({ outcome: "refused", status, error: code, model: MODEL })
  })
})

describe("A route", () => {
  it.each(["/v1/chat", "/v1/", "/v1/files", "/v1/chat/completions/", "/v1//models", "/v1/models/"])(
    "that is not there (%s) is 404",
    async (path) => {
      const { gateway } = await openOne()
      const { json, status } = await gateway.ask(path, {})
      expect({ status, code: json.error.code }).toEqual({ status: 404, code: "route_not_found" })
    },
  )

  it("to an answer that a provider may have kept says what to do instead", async () => {
    const { gateway, upstream } = await openOne()
    const client = new OpenAI({
      baseURL: `${gateway.url}/v1`,
      apiKey: "tb-member",
      maxRetries: 2,
      logLevel: "off",
    })
    const { chat, responses } = client
    for (const ask of [
      () => responses.retrieve("resp_1"),
      () => responses.retrieve("resp_1", { stream: true }),
      () => responses.delete("resp_1"),
      () => responses.cancel("resp_1"),
      () => responses.inputItems.list("resp_1"),
      () => chat.completions.retrieve("chatcmpl-1"),
      () => chat.completions.update("chatcmpl-1", { metadata: { a: "b" } }),
      () => chat.completions.delete("chatcmpl-1"),
      () => chat.completions.messages.list("chatcmpl-1"),
    ]) {
      const error = await Promise.resolve(ask()).catch((error: unknown) => error)
      expect(error).toBeInstanceOf(NotFoundError)
      expect(error).toMatchObject({ type: "invalid_request_error", code: "not_supported" })
      expect(String(error)).toContain("`store: false`")
    }
    expect(upstream.received).toHaveLength(0)
    expect(gateway.records).toHaveLength(0)
  })

  it.each([
    ["POST", "/v1/responses/resp_1"],
    ["POST", "/v1/responses/compact"],
    ["GET", "/v1/responses/resp_1/cancel"],
    ["GET", "/v1/responses/"],
    ["GET", "/v1/responses/a/b/input_items"],
    ["PUT", "/v1/chat/completions/chatcmpl-1"],
  ])("that would be one, but is none (%s %s), is not there", async (method, path) => {
    const { gateway } = await openOne()
    const { json, status } = await gateway.ask(path, "", { method })
    expect({ status, code: json.error.code }).toEqual({ status: 404, code: "route_not_found" })
  })

  it("a route takes no answer into the background: nobody could ask for it, nor would it be metered", async () => {
    const { gateway, upstream } = await openOne()
    const answer = await gateway.ask("/v1/responses", { model: MODEL, input: "Hi", background: true })
    expect({ status: answer.status, error: answer.json.error }).toMatchObject({
      status: 400,
      error: { code: "not_supported", param: "background" },
    })
    expect(upstream.received).toHaveLength(0)
    for (const background of [false, null]) {
      const { status } = await gateway.ask("/v1/responses", { model: MODEL, input: "Hi", background })
      expect(status).toBe(200)
    }
    expect((await gateway.chat({ background: true })).status).toBe(200)
  })

  it("a route takes its own method", async () => {
    const { gateway } = await openOne()
    for (const [path, method, allow] of [
      ["/v1/chat/completions", "GET", "POST"],
      ["/v1/embeddings", "DELETE", "POST"],
      ["/v1/models", "POST", "GET, HEAD"],
      ["/v1/models/small", "PUT", "GET, HEAD"],
      ["/v1/chat/completions", "OPTIONS", "POST"],
    ] as const) {
      const { headers, json, status } = await gateway.ask(path, "", { method })
      expect({ status, allow: headers.allow, code: json.error.code }).toEqual({
        status: 405,
        allow,
        code: "method_not_allowed",
      })
    }
    const { json } = await gateway.ask("/v1/messages", "", { method: "GET" })
    expect(json).toMatchObject({ type: "error", error: { type: "invalid_request_error" } })
  })
})

describe("A body", () => {
  it.each([
    [{ "content-type": "text/plain" }, "unsupported_content_type"],
    [{ "content-type": "application/x-www-form-urlencoded" }, "unsupported_content_type"],
    [{ "content-type": "application/jsonp" }, "unsupported_content_type"],
    [{ "content-encoding": "gzip" }, "unsupported_encoding"],
  ])("with %j is refused", async (headers, code) => {
    const { gateway, upstream } = await openOne()
    const { json, status } = await gateway.chat({}, { headers: headers as Record<string, string> })
    expect({ status, code: json.error.code }).toEqual({ status: 415, code })
    expect(upstream.received).toHaveLength(0)
    expect(await gateway.record()).toMatchObject({ outcome: "refused", status: 415, model: "unknown" })
  })

  it("a body may say its character set", async () => {
    const { gateway } = await openOne()
    expect(
      (await gateway.chat({}, { headers: { "content-type": "Application/JSON; charset=utf-8" } })).status,
    ).toBe(200)
  })

  it("that can't be read is refused, and not repeated", async () => {
    const { gateway } = await openOne()
    const { json, status, text } = await gateway.ask("/v1/chat/completions", '{"secret"')
    expect({ status, code: json.error.code }).toEqual({ status: 400, code: "invalid_json" })
    expect(text).not.toContain("secret")
    expect(await gateway.record()).toMatchObject({ outcome: "refused", status: 400, error: "invalid_json" })
  })

  it.each([
    ["a little", 1, {}],
    ["much", 3, {}],
    ["a little, and does not say so", 1, { "transfer-encoding": "chunked" }],
    ["beyond all patience, and does not say so", 20, { "transfer-encoding": "chunked" }],
  ])("that is too large by %s is refused", async (_what, megabytes, headers) => {
    const { gateway, upstream } = await openOne()
    const body = JSON.stringify({ model: MODEL, messages: "x".repeat(megabytes * 1024 * 1024) })
    const request = gateway.send("/v1/chat/completions", body, { headers: headers as Record<string, string> })
    request.on("error", () => {})
    const [response] = await once(request, "response")
    expect(response.statusCode).toBe(413)
    expect(await gateway.record()).toMatchObject({ outcome: "refused", status: 413, error: "body_too_large" })
    expect(upstream.received).toHaveLength(0)
  })

  it("that says it is huge is refused before it comes", async () => {
    const { gateway } = await openOne()
    const socket = connect(gateway.port, "127.0.0.1")
    socket.write(
      "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer tb-member\r\n" +
        "content-type: application/json\r\ncontent-length: 100000000000\r\n\r\n{",
    )
    let text = ""
    socket.on("data", (chunk) => {
      text += String(chunk)
    })
    await once(socket, "close")
    expect(text).toMatch(/^HTTP\/1.1 413 /)
    expect(text).toMatch(/connection: close/i)
  })

  it("a body may be as large as the limit", async () => {
    const { gateway, upstream } = await openOne({}, { bodyLimit: 300_000 })
    const around = JSON.stringify({ model: MODEL, messages: "" }).length
    expect((await gateway.chat({ messages: "x".repeat(300_000 - around) })).status).toBe(200)
    expect((await gateway.chat({ messages: "x".repeat(300_001 - around) })).status).toBe(413)
    expect(upstream.received[0]?.body.length).toBe(300_000 - MODEL.length + NATIVE.length)
  })
})

describe("Headers", () => {
  it("go to the provider by list", async () => {
    const { gateway, upstream } = await openOne()
    const passed = {
      accept: "application/json",
      "user-agent": "client/1",
      traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
      "idempotency-key": "once",
      "openai-beta": "assistants=v2",
    }
    const kept = {
      cookie: "a=b",
      "accept-encoding": "gzip, br",
      "crewlog-task": "ABC-1",
      "x-forwarded-for": "10.0.0.1",
      "x-api-key": "tb-member",
      "openai-organization": "org-1",
      origin: "http://127.0.0.1",
      "x-stainless-os": "Linux",
      referer: "http://127.0.0.1",
    }
    await gateway.chat({}, { headers: { ...passed, ...kept } })
    const { "content-length": _length, host: _host, ...headers } = upstream.received[0]!.headers
    expect(headers).toEqual({
      ...passed,
      connection: "keep-alive",
      "content-type": "application/json",
      "accept-encoding": "identity",
      authorization: "Bearer sk-provider-0123456789abcdef",
    })
  })

  it("go to Anthropic by the same list", async () => {
    const { gateway, upstream } = await openOne({ api: "anthropic-messages" })
    const passed = { "anthropic-version": "2024-01-01", "anthropic-beta": "prompt-caching" }
    await gateway.ask("/v1/messages", { model: MODEL }, { headers: passed })
    expect(upstream.received[0]?.headers).toMatchObject(passed)
    expect(upstream.received[0]?.rawHeaders.filter((name) => name === "anthropic-version")).toHaveLength(1)
  })

  const passed = { "openai-processing-ms": "12", "openai-version": "2020-10-01", "x-custom": "a b" }
  const kept = {
    "set-cookie": "a=b",
    server: "nginx",
    "alt-svc": 'h3=":443"',
    "x-ratelimit-remaining-requests": "0",
    "anthropic-ratelimit-tokens-remaining": "0",
    "retry-after": "5",
    "keep-alive": "timeout=5",
    "proxy-authenticate": "Basic",
    "access-control-allow-origin": "*",
    "content-security-policy": "none",
    "strict-transport-security": "max-age=1",
    "www-authenticate": "Basic",
    "x-request-id": "theirs",
    "x-crewlog-backend": "theirs",
    "openai-organization": "org-1",
    location: "http://example.org",
    connection: "keep-alive, x-hop",
    "x-hop": "1",
    "x-latin": "gr\u00fc\u00dfe",
    "x-accel-redirect": "/etc/passwd",
  }

  it.each([
    ["whole", {}, json(chatAnswer(NATIVE), 200, { ...passed, ...kept })],
    ["streamed", { stream: true }, stream(chatEvents(NATIVE, ["x"]), { ...passed, ...kept })],
  ])(
    "of a %s answer come to the caller without those that are not meant for it",
    async (_what, more, reply) => {
      const { gateway, upstream } = await openOne()
      upstream.next(reply)
      const { headers, status } = await gateway.chat(more)
      expect(status).toBe(200)
      expect(headers).toMatchObject(passed)
      expect(headers["x-request-id"]).toBe((await gateway.record()).id)
      const { connection: _connection, "keep-alive": _alive, ...others } = headers
      expect(Object.keys(others).toSorted()).toEqual(
        [
          ...Object.keys(passed),
          "content-type",
          "date",
          "x-request-id",
          ...("stream" in more
            ? ["cache-control", "transfer-encoding", "x-accel-buffering"]
            : ["content-length"]),
        ].toSorted(),
      )
    },
  )

  it("of an error say nothing of the provider", async () => {
    const { gateway, upstream } = await openOne()
    upstream.next(failing(400, { message: "no" }, { ...passed, "set-cookie": "a=b" }))
    const { headers } = await gateway.chat()
    expect(Object.keys(headers).toSorted()).toEqual([
      "cache-control",
      "connection",
      "content-length",
      "content-type",
      "date",
      "keep-alive",
      "x-request-id",
    ])
  })

  it("headers tell admins, and nobody else, which backend it was", async () => {
    const upstreams = [await upstreamForTest(), await upstreamForTest()]
    const model_mappings = { [MODEL]: mapping({ native_id: "maker/nativ \u00e9" }) }
    const [one, two] = [
      backendAt(upstreams[0]!.url, { model_mappings }),
      backendAt(upstreams[1]!.url, { model_mappings, pool: "fallback" }),
    ]
    const gateway = await openGateway([one, two])
    upstreams[0]!.next(failing(500))
    expect((await gateway.chat({}, admin)).headers).toMatchObject({
      "x-crewlog-backend": two.id,
      "x-crewlog-model": "maker/nativ%20%C3%A9",
      "x-crewlog-attempts": "2",
    })
    expect((await gateway.chat({ stream: true }, admin)).headers).toMatchObject({
      "x-crewlog-backend": one.id,
      "x-crewlog-attempts": "1",
    })
    for (const token of ["tb-member", "shared"]) {
      const { headers } = await gateway.chat({}, { token })
      expect(Object.keys(headers).filter((name) => name.startsWith("x-crewlog"))).toEqual([])
    }
  })
})

describe("The models", () => {
  const open = async () => {
    const upstream = await upstreamForTest()
    const created_at = "2026-01-01T00:00:00.000Z"
    const gateway = await openGateway([
      backendAt(upstream.url, {
        model_mappings: { small: mapping(), "meta/large 2": mapping() },
        created_at,
      }),
      backendAt(upstream.url, { model_mappings: { small: mapping(), other: mapping() } }),
      backendAt(upstream.url, { model_mappings: { off: mapping() }, is_enabled: false }),
    ])
    return { gateway, upstream }
  }
  const get = { method: "GET" }

  it("the models are those that are mapped, once each, and no provider is asked", async () => {
    const { gateway, upstream } = await open()
    const { json, status } = await gateway.ask("/v1/models", "", get)
    expect(status).toBe(200)
    expect(json.object).toBe("list")
    expect(json.data.map(({ id }: { id: string }) => id)).toEqual(["meta/large 2", "other", "small"])
    expect(json.data[2]).toEqual({
      id: "small",
      object: "model",
      created: 1_767_225_600,
      owned_by: "crewlog",
    })
    expect(upstream.received).toHaveLength(0)
    expect(gateway.records).toHaveLength(0)
  })

  it.each(["/v1/models/small", "/v1/models/meta/large%202", "/v1/models/meta%2Flarge%202"])(
    "are there one by one (%s)",
    async (path) => {
      const { gateway } = await open()
      expect(await gateway.ask(path, "", get)).toMatchObject({
        status: 200,
        json: { object: "model", owned_by: "crewlog" },
      })
    },
  )

  it.each(["/v1/models/none", "/v1/models/off", "/v1/models/%zz", "/v1/models/__proto__"])(
    "that are none are not there (%s)",
    async (path) => {
      const { gateway } = await open()
      const { json, status } = await gateway.ask(path, "", get)
      expect({ status, code: json.error.code }).toEqual({ status: 404, code: "model_not_found" })
    },
  )

  it("the models are shown in Anthropic's way to who speaks it", async () => {
    const { gateway } = await open()
    const headers = { "anthropic-version": "2023-06-01" }
    const { json } = await gateway.ask("/v1/models", "", { ...get, headers })
    expect(json).toMatchObject({ has_more: false, first_id: "meta/large 2", last_id: "small" })
    expect(json.data[2]).toEqual({
      type: "model",
      id: "small",
      display_name: "small",
      created_at: "2026-01-01T00:00:00.000Z",
    })
    const none = await gateway.ask("/v1/models/none", "", { ...get, headers })
    expect(none).toMatchObject({ status: 404, json: { type: "error", error: { type: "not_found_error" } } })
  })
})

describe("What should not happen", () => {
  it("what should not happen is told, without its reason, and taken down", async () => {
    const defects: Array<unknown> = []
    const upstream = await upstreamForTest()
    const broken = new Error("secret")
    const router = {
      begin: () => {
        throw broken
      },
    }
    const gateway = await openGateway([backendAt(upstream.url)], {
      router,
      onDefect: (defect) => void defects.push(defect),
    })
    const { json, status, text } = await gateway.chat()
    expect({ status, code: json.error.code }).toEqual({ status: 500, code: "internal_error" })
    expect(text).not.toContain("secret")
    expect(defects).toEqual([broken])
    expect(await gateway.record()).toMatchObject({ outcome: "error", status: 500, error: "internal_error" })
  })
})
