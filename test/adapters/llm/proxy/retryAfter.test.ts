import { describe, expect, it } from "vitest"
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
