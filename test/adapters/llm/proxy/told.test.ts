import { describe, expect, it } from "vitest"
import { toldText } from "../../../../src/adapters/llm/proxy/upstreamErrors.ts"
import { isForProviders } from "../../../../src/adapters/llm/proxy/routeHints.ts"
import { messagesEvents } from "../../../support/providerAnswers.ts"
import { failing, json, stream, text } from "../../../support/upstream.ts"
import { eventsIn, MODEL, NATIVE, openOne, openTwo } from "./gateway.ts"

// A line for each answer of the only backend: its status and error, and what the caller of a chat is told.
const refusals: ReadonlyArray<
  readonly [status: number, error: object, told: number, code: string, observed: ReadonlyArray<string>]
> = [
  [403, { message: "Content violates usage guidelines." }, 403, "content_policy_violation", []],
  [400, { message: "filtered", code: "content_filter" }, 400, "content_filter", []],
  [403, { message: "no" }, 403, "refused_by_provider", []],
  [403, { message: "no", code: "model_not_found" }, 404, "model_not_found", ["rate_limited"]],
  [404, { message: "gone", code: "DeploymentNotFound" }, 404, "model_not_found", ["rate_limited"]],
  [429, { message: "Request too large: Limit 3, Requested 4" }, 413, "request_too_large", []],
  [413, { message: "In TPM: Limit 3, Requested 4" }, 413, "request_too_large", []],
  [404, { message: "Not Found" }, 404, "refused_by_provider", []],
  [400, { message: "API key not valid." }, 503, "all_pools_exhausted", ["key_fault"]],
  [401, { message: "no" }, 503, "all_pools_exhausted", ["key_fault"]],
  [402, { message: "pay" }, 503, "all_pools_exhausted", ["rate_limited"]],
  [429, { message: "slow" }, 503, "all_pools_exhausted", ["rate_limited"]],
  [500, { message: "oh" }, 503, "all_pools_exhausted", []],
]

describe("What the only backend answers", () => {
  it.each(refusals)("(%d %j) is told as %d %s", async (status, error, told, code, observed) => {
    const { gateway, upstream } = await openOne({}, { options: { cooldown_base_seconds: 30 } })
    upstream.always(failing(status, error))
    const answer = await gateway.chat()
    expect([answer.status, answer.json.error.code]).toEqual([told, code])
    expect(upstream.received).toHaveLength(1)
    expect(gateway.observed).toEqual(observed)
    expect(await gateway.record()).toMatchObject({ outcome: "error", status: told })
  })

  it("the first of two that refuse a request says why, and no sooner", async () => {
    const { first, gateway, second } = await openTwo()
    first.next(failing(403, { message: "It was flagged." }))
    second.next(failing(500))
    const { json, status } = await gateway.chat()
    expect([status, json.error.code]).toEqual([403, "content_policy_violation"])
    expect(second.received).toHaveLength(1)
  })

  it("a 429 of a route is told to its caller, with the time to wait where it is short", async () => {
    const { gateway, upstream } = await openOne({ api: "anthropic-messages" })
    for (const [seconds, told] of [
      ["20", "20"],
      ["600", undefined],
    ] as const) {
      upstream.next(json({ type: "error", error: { message: "slow" } }, 429, { "retry-after": seconds }))
      const answer = await gateway.ask("/v1/messages/count_tokens", { model: MODEL, messages: [] })
      expect([answer.status, answer.headers["retry-after"]]).toEqual([429, told])
    }
    expect((await gateway.ask("/v1/messages", { model: MODEL })).status).toBe(200)
  })

  it("an answer may be a firewall's page: nobody's fault", async () => {
    const { first, gateway } = await openTwo()
    first.next(text("<html>Attention Required!</html>", { "content-type": "text/html" }, 403))
    expect((await gateway.chat()).status).toBe(200)
    expect(gateway.observed).toEqual([])
    expect(await gateway.record()).toMatchObject({ failures: [{ error: "http_403" }] })
  })
})

// A line for each status that a caller of Anthropic's API is told, by what the backend answers.
const anthropicTypes: ReadonlyArray<readonly [answered: number, told: number, type: string]> = [
  [400, 400, "invalid_request_error"],
  [403, 403, "permission_error"],
  [404, 404, "not_found_error"],
  [409, 409, "invalid_request_error"],
  [413, 413, "request_too_large"],
  [422, 422, "invalid_request_error"],
  [429, 503, "overloaded_error"],
  [500, 503, "overloaded_error"],
  [529, 503, "overloaded_error"],
]
const finals = new Set([401, 402, 403, 404])

describe("Anthropic's callers", () => {
  it.each(anthropicTypes)("callers are told a backend's %d as %d %s, with a request-id", async (...row) => {
    const [answered, told, type] = row
    const { gateway, upstream } = await openOne({ api: "anthropic-messages" })
    upstream.always(json({ type: "error", error: { type: "x", message: "no" } }, answered))
    const { headers, json: body, status } = await gateway.ask("/v1/messages", { model: MODEL })
    expect([status, body]).toMatchObject([told, { type: "error", error: { type } }])
    expect(headers["request-id"]).toBe(headers["x-request-id"])
    expect(headers["x-should-retry"] === "false").toBe(finals.has(told))
  })

  it.each([
    ["overloaded_error", "overloaded_error"],
    ["rate_limit_error", "overloaded_error"],
    ["api_error", "api_error"],
    ["authentication_error", "api_error"],
    ["invalid_request_error", "invalid_request_error"],
  ])("callers are told of %s in the middle of a stream as %s", async (type, told) => {
    const { gateway, upstream } = await openOne({ api: "anthropic-messages" })
    const begun = messagesEvents(NATIVE, ["Hi"]).slice(0, 4)
    const error = `event: error\ndata: ${JSON.stringify({ type: "error", error: { type, message: "m" } })}\n\n`
    const hasBegun = gateway.begun()
    upstream.next(stream([...begun, () => hasBegun, error]))
    const answer = await gateway.ask("/v1/messages", { model: MODEL, stream: true })
    expect(eventsIn(answer.text).at(-1)).toMatchObject({ type: "error", error: { type: told } })
    expect(answer.headers["request-id"]).toBe((await gateway.record()).id)
  })
})

// A line for each path that clients ask for in vain, and what they are told to do.
const paths: ReadonlyArray<readonly [method: string, path: string, hint: RegExp]> = [
  ["POST", "/messages", /without \/v1.*ANTHROPIC_BASE_URL.*\/v1\/messages\.$/],
  ["POST", "/v1/v1/messages", /without \/v1/],
  ["POST", "/v1/messages/v1/messages", /without \/v1/],
  ["POST", "/anthropic/v1/messages/count_tokens", /\/v1\/messages\/count_tokens\.$/],
  ["POST", "/chat/completions", /with \/v1.*OPENAI_BASE_URL.*\/v1\/chat\/completions\.$/],
  ["POST", "/v1/v1/chat/completions", /with \/v1/],
  ["POST", "/v1/chat/completions/chat/completions", /with \/v1/],
  ["POST", "/v1/responses/", /with \/v1/],
  ["GET", "/v1/v1/models", /with \/v1/],
  ["POST", "/v1/files", /has no \/v1\/files.*POST \/v1\/chat\/completions/],
  ["POST", "/v1/images/generations", /has no \/v1\/images\/generations/],
  ["POST", "/v1/audio/speech", /has no/],
  ["POST", "/v1/batches", /has no/],
  ["POST", "/v1/messages/batches", /has no/],
]

describe("A path at which there is nothing", () => {
  it.each(paths)("(%s %s) is told with what to set or what there is", async (method, path, hint) => {
    const { gateway } = await openOne()
    const { headers, json, status } = await gateway.ask(path, {}, { method })
    const isAnthropic = path.includes("messages")
    expect(status).toBe(404)
    expect(json).toMatchObject(
      isAnthropic
        ? { type: "error", error: { type: "not_found_error" } }
        : { error: { code: "route_not_found" } },
    )
    expect(json.error).toMatchObject({ message: expect.stringMatching(hint) })
    expect(headers["x-should-retry"]).toBe("false")
  })

  it.each([
    ["/v1/chat/completions", true],
    ["/messages?beta=true", true],
    ["/openai/v1/responses", true],
    ["/api/admin/models", false],
    ["/health", false],
    ["/v1", false],
  ])("(%s) is for providers: %s", (url, isTheirs) => {
    expect(isForProviders(url)).toBe(isTheirs)
  })

  it("a model on another wire is told with where to ask for it", async () => {
    const { gateway } = await openOne({ api: "openai-completions" })
    const { json, status } = await gateway.ask("/v1/messages", { model: MODEL })
    expect(status).toBe(404)
    expect(json.error).toMatchObject({ message: expect.stringContaining("/v1/chat/completions") })
  })

  it("Codex, which asks for a WebSocket, is told that there is none", async () => {
    const { gateway } = await openOne()
    const headers = { connection: "Upgrade", upgrade: "websocket", "sec-websocket-version": "13" }
    const answer = await gateway.ask("/v1/responses", "", { method: "GET", headers })
    expect([answer.status, answer.json.error.code]).toEqual([426, "no_websocket"])
  })
})

describe("A day's budget that is spent", () => {
  it("the budget is told with the time in words, and nothing to wait for", async () => {
    const { gateway } = await openOne(
      {},
      {
        callers: {
          admit: () => ({ kind: "caller", member: undefined, project: null, task: null }),
          allow: () => ({ kind: "over_limit", limit: "usd_per_day", allowed: 3, retryAfterSeconds: 70_000 }),
        },
      },
    )
    const { headers, json, status } = await gateway.chat()
    expect(status).toBe(402)
    expect(json.error).toMatchObject({
      message: "You have used up your 3 USD a day. The next day begins at 00:00 UTC, in 19 h 27 min.",
    })
    expect(headers["retry-after"]).toBeUndefined()
  })
})

// A line for each word of a provider's error, and what of it comes out.
const words: ReadonlyArray<readonly [word: string, told: string]> = [
  ["key_findings", "key_findings"],
  ["api_endpoint", "api_endpoint"],
  ["org_chart_nodes", "org_chart_nodes"],
  ["a_very_long_name_of_a_property_in_the_schema", "a_very_long_name_of_a_property_in_the_schema"],
  ["get_user_profile_by_id_v2_extended", "get_user_profile_by_id_v2_extended"],
  ["call_Ab12Cd34Ef56Gh78Ij90Kl12", "call_Ab12Cd34Ef56Gh78Ij90Kl12"],
  ["toolu_01A09q90qw90lq917835lq9", "toolu_01A09q90qw90lq917835lq9"],
  ["123e4567-e89b-12d3-a456-426614174000", "123e4567-e89b-12d3-a456-426614174000"],
  ["Bearer authentication.", "Bearer authentication."],
  ["sk-proj-Ab3dEf6hIj9kLm2nOp5q", "***"],
  ["sk-ant-api03-abc-DEF_ghi", "***"],
  ["sk-ab****wxyz", "***"],
  ["xa***yz1", "***"],
  ["gsk_Ab3dEf6hIj9kLm2nOp5q", "***"],
  ["xai-Ab3dEf6hIj9k", "***"],
  ["AIzaSyA-0123456789abcdef", "***"],
  ["org-Ab3dEf6hIj9k", "***"],
  ["Bearer abc.def1", "***"],
  ["0123456789abcdef0123456789abcdef", "***"],
  ["eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc", "***"],
]

describe("A word in a provider's error", () => {
  it.each(words)("%s is told as %s", (word, told) => {
    expect(toldText(`It says '${word}' there`, [])).toBe(`It says '${told}' there`)
  })
})
