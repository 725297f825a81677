import { Option, Schema } from "effect"
import { UsageRecord } from "../../domain/Usage.ts"

const decode = Schema.decodeUnknownOption(UsageRecord)

type Check = (value: unknown) => boolean

const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/
const isText: Check = (value) => typeof value === "string" && !value.includes("\0")
const isTextOrNone: Check = (value) => value === null || isText(value)
const isNumber: Check = (value) => Number.isFinite(value) && (value as number) >= 0
const isBoolean: Check = (value) => typeof value === "boolean"

/** Checks of what nothing after this could cope with if it were otherwise. */
const checks = Object.entries({
  id: isText,
  at: (value) => typeof value === "string" && INSTANT.test(value),
  member: isTextOrNone,
  project: isTextOrNone,
  task: isTextOrNone,
  model: isText,
  route: isText,
  is_stream: isBoolean,
  backend: isTextOrNone,
  lane: isTextOrNone,
  outcome: isText,
  status: isNumber,
  error: isTextOrNone,
  failures: (value) => Array.isArray(value) && value.length === 0,
  prompt_tokens: isNumber,
  completion_tokens: isNumber,
  total_tokens: isNumber,
  cached_tokens: isNumber,
  cache_write_tokens: isNumber,
  cache_write_hour_tokens: (value) => value === undefined || isNumber(value),
  reasoning_tokens: isNumber,
  cost_usd: isNumber,
  price_source: (value) => value === undefined || isText(value),
  is_estimated: isBoolean,
  latency_ms: isNumber,
  first_output_ms: (value) => value === null || isNumber(value),
} satisfies Record<keyof UsageRecord, Check>)

/**
 * A record as it was stored. Those that gateways write are looked through in a fifth of the time that the Schema
 * takes, which matters where every request has one; what is unusual, or of an older program, is the Schema's.
 */
export const readUsage = (value: unknown): Option.Option<UsageRecord> => {
  if (typeof value !== "object" || value === null) return Option.none()
  const fields = value as Record<string, unknown>
  return checks.every(([name, check]) => check(fields[name]))
    ? Option.some(value as UsageRecord)
    : decode(value)
}
