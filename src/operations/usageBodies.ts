import { Schema } from "effect"
import { BackendId } from "../domain/Backend.ts"
import { Instant } from "../domain/Ids.ts"

const named = (identifier: string) => ({ identifier })
const count = Schema.Int
const mean = Schema.NullOr(Schema.Finite)
const OrNone = Schema.NullOr(Schema.String)

/**
 * The sums of requests. A try that another backend made good is a request and an error of its backend as
 * well: callers made `requests - failed_tries`. Times are means in milliseconds.
 */
const sums = {
  requests: count,
  errors: count,
  aborted: count,
  failed_tries: count,
  prompt_tokens: count,
  completion_tokens: count,
  total_tokens: count,
  cached_tokens: count,
  cache_write_tokens: count,
  reasoning_tokens: count,
  cost_usd: Schema.Finite,
  latency_ms: mean,
  first_output_ms: mean,
}

export const TotalBody = Schema.Struct(sums).annotate(named("UsageTotal"))

/** `backend_id` and `pool` are null for what no backend served. */
export const HourBody = Schema.Struct({
  hour: Instant,
  backend_id: Schema.NullOr(BackendId),
  pool: OrNone,
  model: Schema.String,
  ...sums,
}).annotate(named("UsageHour"))

/** `day` is a UTC day; `backends` says how many served. */
export const DayBody = Schema.Struct({
  day: Schema.String,
  pool: OrNone,
  backends: count,
  ...sums,
}).annotate(named("UsageDay"))

/** `member` is null for the token that many share. */
export const MemberUsageBody = Schema.Struct({ member: OrNone, ...sums }).annotate(named("MemberUsage"))

export const TaskUsageBody = Schema.Struct({
  project: OrNone,
  task: OrNone,
  model: Schema.String,
  ...sums,
}).annotate(named("TaskUsage"))

/** `model` is null when the whole backend cooled; `seq` is its position on the log. */
export const CooldownBody = Schema.Struct({
  seq: count,
  backend_id: BackendId,
  model: OrNone,
  reason: Schema.String,
  since: Instant,
  until: Instant,
  at: Instant,
}).annotate(named("CooldownEntry"))
