import type { IncomingHttpHeaders } from "node:http"

/** The longest wait that providers may ask for, in milliseconds; cooldowns have a cap of their own. */
const LONGEST = 86_400_000

type Headers = IncomingHttpHeaders

const textOf = (headers: Headers, name: string): string | undefined => {
  const value = headers[name]
  return (Array.isArray(value) ? value[0] : value)?.trim()
}

const DECIMAL = /^-?\d{1,15}(\.\d{1,9})?$/

const millisOf = (text: string | undefined): number | undefined =>
  text !== undefined && DECIMAL.test(text) ? Number(text) : undefined

/** `Sun, 06 Nov 1994 08:49:37 GMT`: only dates that say their zone. */
const HTTP_DATE = /^[A-Z][a-z]{2,8},? [\w :-]{1,40} GMT$/

const until = (instant: string, now: number): number | undefined => {
  const at = Date.parse(instant)
  return Number.isNaN(at) ? undefined : at - now
}

/** RFC 9110 has whole seconds or a date; decimals happen. */
const retryAfter = (text: string | undefined, now: number): number | undefined => {
  const seconds = millisOf(text)
  if (seconds !== undefined) return seconds * 1000
  return text !== undefined && HTTP_DATE.test(text) ? until(text, now) : undefined
}

const DURATION =
  /^(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9}(?:\.\d{1,9})?)s)?(?:(\d{1,9}(?:\.\d{1,9})?)ms)?$/
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/
/** Seconds since 1970 and milliseconds since 1970 are told apart from a number of seconds by their size. */
const [EPOCH_SECONDS, EPOCH_MILLIS] = [1e9, 1e12]

/** OpenAI's durations (`6m0s`, `12ms`), Anthropic's instants, others' numbers. */
const resetOf = (text: string | undefined, now: number): number | undefined => {
  if (text === undefined || text === "") return undefined
  const number = millisOf(text)
  if (number !== undefined) {
    if (number >= EPOCH_MILLIS) return number - now
    return number >= EPOCH_SECONDS ? number * 1000 - now : number * 1000
  }
  if (INSTANT.test(text)) return until(text, now)
  const parts = DURATION.exec(text)
  if (parts === null) return undefined
  const [days, hours, minutes, seconds, millis] = parts.slice(1).map((part) => Number(part ?? 0))
  const wholeMinutes = ((days ?? 0) * 24 + (hours ?? 0)) * 60 + (minutes ?? 0)
  return wholeMinutes * 60_000 + (seconds ?? 0) * 1000 + (millis ?? 0)
}

const RESET =
  /^(?:x-ratelimit-reset(?:-[a-z-]{1,40})?|anthropic-ratelimit-[a-z-]{1,40}-reset|ratelimit-reset)$/

/** Of several limits the one that is used up, else the one that takes longest. */
const longestReset = (headers: Headers, now: number): number | undefined => {
  const resets: Array<number> = []
  const usedUp: Array<number> = []
  for (const name of Object.keys(headers)) {
    if (!RESET.test(name)) continue
    const millis = resetOf(textOf(headers, name), now)
    if (millis === undefined) continue
    resets.push(millis)
    if (millisOf(textOf(headers, name.replace("reset", "remaining"))) === 0) usedUp.push(millis)
  }
  const those = usedUp.length > 0 ? usedUp : resets
  return those.length === 0 ? undefined : Math.max(...those)
}

/**
 * The time that a provider asks us to wait, in whole milliseconds up to a day; the past is 0; null when it
 * does not say, or says something that can't be read. `inBody`: the milliseconds that the body of its answer
 * asks for, which are more to the point than when a limit is whole again.
 */
export const retryAfterOf = (headers: Headers, now: number, inBody?: number): number | null => {
  const millis =
    millisOf(textOf(headers, "retry-after-ms")) ??
    millisOf(textOf(headers, "x-ms-retry-after-ms")) ??
    retryAfter(textOf(headers, "retry-after"), now) ??
    inBody ??
    longestReset(headers, now)
  return millis === undefined ? null : Math.min(LONGEST, Math.max(0, Math.ceil(millis)))
}
