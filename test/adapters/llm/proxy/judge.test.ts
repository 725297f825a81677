import { describe, expect, it } from "vitest"
import { connectionError, judge, statusOfError } from "../../../../src/adapters/llm/proxy/judge.ts"
import {
  toldText,
  upstreamErrorIn,
  upstreamErrorOf,
} from "../../../../src/adapters/llm/proxy/upstreamErrors.ts"

const verdict = (status: number, error: object = {}, headers: Record<string, string> = {}) =>
  judge({ status, headers, error: upstreamErrorOf({ error }), now: 0, instead: [] })

describe("An answer that is no success", () => {
  it.each([
    // A rate limit.
    [429, {}, "rate_limited", "rate_limit"],
    [429, { type: "rate_limit_error" }, "rate_limited", "rate_limit"],
    [
      429,
      { code: "rate_limit_exceeded", message: "you exceeded your current quota" },
      "rate_limited",
      "rate_limit",
    ],
    [529, { type: "overloaded_error" }, "rate_limited", "rate_limit"],
    // A quota.
    [429, { code: "insufficient_quota" }, "rate_limited", "quota"],
    [429, { type: "insufficient_quota" }, "rate_limited", "quota"],
    [429, { code: "billing_hard_limit_reached" }, "rate_limited", "quota"],
    [403, { type: "billing_error" }, "rate_limited", "quota"],
    [402, {}, "rate_limited", "quota"],
    [
      400,
      {
        type: "invalid_request_error",
        message: "Your credit balance is too low to access the Anthropic API.",
      },
      "rate_limited",
      "quota",
    ],
  ])("%d %j is %s (%s)", (status, error, kind, reason) => {
    expect(verdict(status, error).outcome).toMatchObject({ kind, reason })
  })

  it.each([
    [401, { kind: "key_fault", fault: "unauthorized" }],
    [403, { kind: "key_fault", fault: "forbidden" }],
    [408, { kind: "failed", error: "http_408" }],
    [500, { kind: "failed", error: "http_500" }],
    [502, { kind: "failed", error: "http_502" }],
    [503, { kind: "failed", error: "http_503" }],
    [504, { kind: "failed", error: "http_504" }],
    [599, { kind: "failed", error: "http_599" }],
    [301, { kind: "failed", error: "redirect" }],
    [307, { kind: "failed", error: "redirect" }],
    [304, { kind: "failed", error: "redirect" }],
  ])("%d comes to %j, and the caller is told nothing of it", (status, outcome) => {
    expect(verdict(status)).toMatchObject({ outcome })
    expect(verdict(status).told).toBeUndefined()
  })

  it.each([400, 404, 405, 409, 413, 415, 418, 422, 451])("%d is the caller's own", (status) => {
    const { outcome, told } = verdict(status, {
      message: "no",
      type: "some_type",
      code: "some_code",
      param: "x",
    })
    expect(outcome).toEqual({ kind: "caller" })
    expect(told).toMatchObject({ status, message: "no", type: "some_type", code: "some_code", param: "x" })
  })

  it("an answer that is no success can't be talked into a quota by what a caller wrote", () => {
    const echoed = "Invalid value: 'your credit balance is too low'"
    expect(verdict(400, { message: echoed }).outcome).toEqual({ kind: "caller" })
  })

  it("an answer that is no success has its Retry-After read", () => {
    expect(verdict(429, {}, { "retry-after": "3" }).outcome).toMatchObject({ retryAfterMillis: 3_000 })
    expect(verdict(429).outcome).toMatchObject({ retryAfterMillis: null })
  })
})

describe("An error in the middle of a stream", () => {
  it.each([
    [{ type: "rate_limit_error" }, 429],
    [{ type: "overloaded_error" }, 529],
    [{ code: "rate_limit_exceeded" }, 429],
    [{ code: "insufficient_quota", type: "insufficient_quota" }, 429],
    [{ type: "authentication_error" }, 401],
    [{ type: "invalid_request_error" }, 400],
    [{ code: "context_length_exceeded" }, 400],
    [{ code: 429 }, 429],
    [{ code: "503" }, 503],
    [{ code: 200 }, 502],
    [{ code: 1e9 }, 502],
    [{ type: "server_error" }, 502],
    [{ code: "constructor", type: "toString" }, 502],
    [{}, 502],
  ])("%j stands for %d", (error, status) => {
    expect(statusOfError(upstreamErrorOf({ error }))).toBe(status)
  })
})

describe("A provider's error", () => {
  it.each([
    [
      '{"error":{"message":"m","type":"t","param":"p","code":"c"}}',
      { message: "m", type: "t", param: "p", code: "c" },
    ],
    [
      '{"type":"error","error":{"type":"t","message":"m"}}',
      { message: "m", type: "t", param: null, code: null },
    ],
    [
      '[{"error":{"code":400,"message":"m","status":"S"}}]',
      { message: "m", type: "S", param: null, code: "400" },
    ],
    ['{"error":"m"}', { message: "m", type: null, param: null, code: null }],
    ['{"message":"m","code":"c"}', { message: "m", type: null, param: null, code: "c" }],
    [
      '{"detail":[{"msg":"m","loc":["body",{"toString":1},0]}]}',
      { message: "body.0: m", type: null, param: null, code: null },
    ],
    ['{"detail":"m"}', { message: "m", type: null, param: null, code: null }],
    [
      '{"error":{"message":{"a":1},"type":"no name at all","code":"<b>"}}',
      { message: "", type: null, param: null, code: null },
    ],
    ["<html>", { message: "", type: null, param: null, code: null }],
    ["", { message: "", type: null, param: null, code: null }],
    ["null", { message: "", type: null, param: null, code: null }],
    ["[]", { message: "", type: null, param: null, code: null }],
  ])("in %s is read", (text, error) => {
    expect(upstreamErrorIn(text)).toEqual(error)
  })

  it("a provider's error is told without control characters, keys and what must not come out", () => {
    const told = toldText(
      "The model `native-x`\u001b[31m is\u0000 not\u202e there\r\nfor sk-proj-abcdefghijk, Bearer abc.def " +
        "or 0123456789abcdef0123456789abcdef01234567, key SECRET",
      [
        ["native-x", "small"],
        ["SECRET", "***"],
      ],
    )
    expect(told).toBe("The model `small` [31m is  not  there for ***, *** or ***, key ***")
  })

  it("a provider's error is told in at most 500 characters or so", () => {
    expect(toldText("word ".repeat(10_000), []).length).toBeLessThan(510)
  })
})

describe("A connection's error", () => {
  it.each([
    ["ECONNREFUSED", "connection_refused"],
    ["UND_ERR_CONNECT_TIMEOUT", "connect_timeout"],
    ["UND_ERR_SOCKET", "connection_lost"],
    ["DEPTH_ZERO_SELF_SIGNED_CERT", "certificate_refused"],
    ["ERR_TLS_CERT_ALTNAME_INVALID", "certificate_refused"],
    ["ADDRESS_REFUSED", "address_refused"],
    ["EWHATEVER", "connection_failed"],
  ])("%s is %s", (code, word) => {
    expect(connectionError(Object.assign(new Error("x"), { code }))).toBe(word)
  })
  it("a connection's error may be anything", () => {
    for (const thrown of [undefined, null, "x", new Error("x")])
      expect(connectionError(thrown)).toBe("connection_failed")
  })
})
