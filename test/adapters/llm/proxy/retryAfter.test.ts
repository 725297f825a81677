import { describe, expect, it } from "vitest"
import { json } from "../../../support/upstream.ts"
import { openOne } from "./gateway.ts"
import { retryDelayIn } from "../../../../src/adapters/llm/proxy/retryDelay.ts"
import { retryAfterOf } from "../../../../src/adapters/llm/proxy/retryAfter.ts"

const now = Date.parse("2026-03-04T10:00:00.000Z")
const DAY = 86_400_000

describe("How long a provider asks us to wait", () => {
  it.each([
    // Seconds, whole or not.
    [{ "retry-after": "7" }, 7_000],
    [{ "retry-after": "0" }, 0],
    [{ "retry-after": "1.5" }, 1_500],
    [{ "retry-after": "0.0001" }, 1],
    [{ "retry-after": " 3 " }, 3_000],
    [{ "retry-after": "-5" }, 0],
    // A date.
    [{ "retry-after": "Wed, 04 Mar 2026 10:00:30 GMT" }, 30_000],
    [{ "retry-after": "Wednesday, 04-Mar-26 10:01:00 GMT" }, 60_000],
    [{ "retry-after": "Wed, 04 Mar 2026 09:00:00 GMT" }, 0],
    // Milliseconds come first.
    [{ "retry-after-ms": "250", "retry-after": "7" }, 250],
    [{ "x-ms-retry-after-ms": "1200", "retry-after": "7" }, 1_200],
    [{ "retry-after-ms": "soon", "retry-after": "7" }, 7_000],
    // OpenAI's durations.
    [{ "x-ratelimit-reset-requests": "6m0s" }, 360_000],
    [{ "x-ratelimit-reset-tokens": "12ms" }, 12],
    [{ "x-ratelimit-reset-tokens": "1h2m3.5s" }, 3_723_500],
    [{ "x-ratelimit-reset-tokens": "7.66s" }, 7_660],
    [{ "x-ratelimit-reset-requests": "1d" }, DAY],
    // Anthropic's instants.
    [{ "anthropic-ratelimit-requests-reset": "2026-03-04T10:00:20Z" }, 20_000],
    [{ "anthropic-ratelimit-tokens-reset": "2026-03-04T11:00:20.5+01:00" }, 20_500],
    [{ "anthropic-ratelimit-tokens-reset": "2026-03-04T09:00:00Z" }, 0],
    // Numbers: seconds, since 1970 or from now, and milliseconds since 1970.
    [{ "x-ratelimit-reset": "59" }, 59_000],
    [{ "x-ratelimit-reset": String(now / 1000 + 8) }, 8_000],
    [{ "x-ratelimit-reset": String(now + 900) }, 900],
    [{ "ratelimit-reset": "4" }, 4_000],
    // The one that is used up, else the one that takes longest.
    [{ "x-ratelimit-reset-requests": "1s", "x-ratelimit-reset-tokens": "9s" }, 9_000],
    [
      {
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": "1s",
        "x-ratelimit-remaining-tokens": "500",
        "x-ratelimit-reset-tokens": "9s",
      },
      1_000,
    ],
    [
      {
        "anthropic-ratelimit-requests-remaining": "3",
        "anthropic-ratelimit-requests-reset": "2026-03-04T10:01:00Z",
        "anthropic-ratelimit-input-tokens-remaining": "0",
        "anthropic-ratelimit-input-tokens-reset": "2026-03-04T10:00:02Z",
      },
      2_000,
    ],
    [{ "retry-after": "2", "x-ratelimit-reset-requests": "6m0s" }, 2_000],
    // Garbage in one of them does not hide the other.
    [{ "retry-after": "soon", "x-ratelimit-reset-requests": "5s" }, 5_000],
    // Clamped.
    [{ "retry-after": "999999999" }, DAY],
    [{ "retry-after-ms": "99999999999999" }, DAY],
    [{ "retry-after": "Sun, 04 Mar 2099 10:00:00 GMT" }, DAY],
  ])("%j is %d ms", (headers: Record<string, string>, millis) => {
    expect(retryAfterOf(headers, now)).toBe(millis)
  })

  it.each([
    {},
    { "retry-after": "" },
    { "retry-after": "soon" },
    { "retry-after": "1e9" },
    { "retry-after": "0x10" },
    { "retry-after": "NaN" },
    { "retry-after": "Infinity" },
    { "retry-after": "5 seconds" },
    { "retry-after": "2026-03-04" },
    { "retry-after": "Wed, 99 Foo 2026 10:00:30 GMT" },
    { "retry-after": "9".repeat(10_000) },
    { "x-ratelimit-reset-requests": "" },
    { "x-ratelimit-reset-requests": "later" },
    { "x-ratelimit-reset-requests": "6x0y" },
    { "anthropic-ratelimit-requests-reset": "2026-99-99T10:00:00Z" },
    { "x-ratelimit-remaining-requests": "0" },
  ])("%j says nothing", (headers) => {
    expect(retryAfterOf(headers as Record<string, string>, now)).toBeNull()
  })
})

const NOW = Date.parse("2026-12-01T00:00:00Z")
const inSeconds = NOW / 1000 + 20
const ofGoogle = (retryDelay: unknown) => [
  { error: { code: 429, details: [{ "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay }] } },
]

/** Bodies that ask for a wait, and for how many milliseconds. A row is a line. */
const bodies: ReadonlyArray<readonly [name: string, body: unknown, millis: number | undefined]> = [
  ["Google's retryDelay", ofGoogle("34.074s"), 34_074],
  ["Google's retryDelay in parts", ofGoogle({ seconds: 34, nanos: 0 }), 34_000],
  [
    "OpenAI's message",
    { error: { message: "Rate limit reached. Please try again in 1.898s. Visit x" } },
    1_898,
  ],
  ["OpenAI's message in parts", { error: { message: "Please try again in 6m0s." } }, 360_000],
  ["OpenAI's message in milliseconds", { error: { message: "Please try again in 12ms." } }, 12],
  ["Gemini's message", { error: { message: "Please retry in 34.07s." } }, 34_070],
  ["Azure's message", { error: { message: "Please retry after 26 seconds." } }, 26_000],
  ["Groq's message", { error: { message: "Please try again in 1h2m3.5s." } }, 3_723_500],
  ["a message in words", { message: "please wait 2 minutes" }, 120_000],
  ["seconds in a field", { error: { retry_after: 7 } }, 7_000],
  ["seconds in a field as text", { error: { retry_after: "7.5" } }, 7_500],
  ["milliseconds in a field", { retry_after_ms: 250 }, 250],
  [
    "OpenRouter's headers of its provider",
    {
      error: { code: 429, metadata: { headers: { "X-RateLimit-Reset": String((NOW / 1000 + 20) * 1000) } } },
    },
    20_000,
  ],
  ["plain text", "Too many requests, retry in 5 s", 5_000],
  ["an event of a stream", 'event: error\ndata: {"error":{"retry_after":3}}\n\n', 3_000],
  ["names that every object has", '{"constructor":1,"__proto__":2,"retry_after":3}', 3_000],
  ["nothing", { error: { message: "slow down" } }, undefined],
  ["a number of something else", { error: { message: "Limit 30 requests in 60 seconds" } }, undefined],
  ["a date", { error: { message: `until ${inSeconds}` } }, undefined],
]

describe("A body of a refusal", () => {
  it.each(bodies)("a body with %s is read", (_name, body, millis) => {
    expect(retryDelayIn(typeof body === "string" ? body : JSON.stringify(body), NOW)).toBe(millis)
  })

  it("a wait in a body gives way to the header, and not to when a limit is whole again", () => {
    expect(retryAfterOf({ "retry-after": "1" }, NOW, 5_000)).toBe(1_000)
    expect(retryAfterOf({ "x-ratelimit-reset-requests": "60s" }, NOW, 5_000)).toBe(5_000)
  })

  it("a backend rests for as long as the body says", async () => {
    const { gateway, upstream } = await openOne({}, { options: { cooldown_base_seconds: 1 } })
    upstream.next(json(ofGoogle("40s"), 429))
    const { headers } = await gateway.chat()
    expect(Number(headers["retry-after"])).toBeGreaterThanOrEqual(38)
    expect(Number(headers["retry-after"])).toBeLessThanOrEqual(40)
  })
})
