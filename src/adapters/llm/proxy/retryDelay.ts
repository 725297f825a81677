import { type Fields, isFields } from "./jsonFields.ts"
import { retryAfterOf } from "./retryAfter.ts"

const SECOND = 1_000
const MILLIS: Readonly<Record<string, number>> = { ms: 1, s: SECOND, m: 60_000, h: 3_600_000, d: 86_400_000 }
const UNITS = "(ms|milli(?:second)?s?|s|sec(?:ond)?s?|m|min(?:ute)?s?|h|hours?|d|days?)"
const PART = new RegExp(`(\\d{1,9}(?:\\.\\d{1,9})?)\\s*${UNITS}(?![a-z])`, "gi")

const unitOf = (word: string): number => {
  const unit = word.toLowerCase()
  return MILLIS[unit.startsWith("mil") || unit === "ms" ? "ms" : unit.slice(0, 1)] ?? 0
}

/** The milliseconds of `34.07s`, `6m0s`, `1 hour 2 minutes`; undefined where there are none. */
const durationOf = (text: string): number | undefined => {
  const parts = [...text.matchAll(PART)]
  if (parts.length === 0) return undefined
  return parts.reduce((sum, [, number, unit = ""]) => sum + Number(number) * unitOf(unit), 0)
}

const SAID = new RegExp(
  `\\b(?:try again|retry(?:ing)?|wait)(?: (?:your )?(?:the )?request)?(?: again)?(?: in| after| for| at least)?:? ` +
    `((?:\\d{1,9}(?:\\.\\d{1,9})?\\s*${UNITS}(?![a-z])[ ,]*)+)`,
  "i",
)

/** `Please try again in 1.898s.` */
const saidIn = (message: string): number | undefined => {
  const said = SAID.exec(message)?.[1]
  return said === undefined ? undefined : durationOf(said)
}

const NUMBER = /^\d{1,12}(?:\.\d{1,9})?$/
const numberOf = (value: unknown): number | undefined => {
  if (typeof value === "number") return value
  return typeof value === "string" && NUMBER.test(value) ? Number(value) : undefined
}

const inUnits =
  (unit: number) =>
  (value: unknown): number | undefined => {
    const number = numberOf(value)
    if (number !== undefined) return number * unit
    if (typeof value === "string") return durationOf(value)
    const seconds = isFields(value) ? numberOf(value["seconds"]) : undefined
    return seconds === undefined ? undefined : seconds * SECOND
  }

const lowerCased = (headers: Fields): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), String(value)]))

/** Google's `retryDelay`, OpenRouter's headers of the provider behind it, and what others write. A line for each name. */
const names: Readonly<Record<string, (value: unknown, now: number) => number | undefined>> = {
  retrydelay: inUnits(SECOND),
  retry_delay: inUnits(SECOND),
  retryafter: inUnits(SECOND),
  retry_after: inUnits(SECOND),
  "retry-after": inUnits(SECOND),
  retry_after_seconds: inUnits(SECOND),
  retryafterseconds: inUnits(SECOND),
  retry_after_ms: inUnits(1),
  retryafterms: inUnits(1),
  "retry-after-ms": inUnits(1),
  headers: (value, now) =>
    isFields(value) ? (retryAfterOf(lowerCased(value), now) ?? undefined) : undefined,
}

const DEEPEST = 8

const delayIn = (value: unknown, now: number, depth = 0): number | undefined => {
  if (typeof value !== "object" || value === null || depth > DEEPEST) return undefined
  const entries = Object.entries(value)
  for (const [key, part] of entries) {
    const name = key.toLowerCase()
    const delay = Object.hasOwn(names, name) ? names[name]?.(part, now) : undefined
    if (delay !== undefined) return delay
  }
  for (const [, part] of entries) {
    const delay = delayIn(part, now, depth + 1)
    if (delay !== undefined) return delay
  }
  return undefined
}

const JSON_BEGINS = /[[{]/

/** The wait that a provider asks for in the body of its refusal (or an event of it), in milliseconds. */
export const retryDelayIn = (body: string, now: number): number | undefined => {
  const begins = body.search(JSON_BEGINS)
  try {
    const delay = begins < 0 ? undefined : delayIn(JSON.parse(body.slice(begins)), now)
    if (delay !== undefined) return delay
  } catch {
    // Then it is text.
  }
  return saidIn(body)
}
