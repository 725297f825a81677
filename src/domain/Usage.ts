import { Schema } from "effect"
import { BackendId } from "./Backend.ts"
import { Instant, Slug, Uuid } from "./Ids.ts"
import { ModelName } from "./ModelMapping.ts"
import { Line } from "./Text.ts"

const Count = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))
const Millis = Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0))

/** The pool that a request was served from, or the emergency lane, which is no backend's pool. */
export const Lane = Schema.Literals(["primary", "fallback", "emergency"])
/** `error`: the caller was told of a failure; `aborted`: the caller went away; `refused`: never sent anywhere. */
const UsageOutcome = Schema.Literals(["ok", "error", "aborted", "refused"])

const PriceSource = Schema.Literals(["mapping", "catalogue", "none"])

/**
 * The outcome of one proxied request and its usage: counts, never prompts (security.md). Each request id has
 * one, failures and requests whose client went away included.
 */
// The fields are the storage format: add fields with a default, never rename or remove.
export const UsageRecord = Schema.Struct({
  id: Uuid,
  /** The end of the request. */
  at: Instant,
  member: Schema.NullOr(Slug),
  project: Schema.NullOr(Slug),
  task: Schema.NullOr(Line(100)),
  /** The model as the caller named it. */
  model: ModelName,
  /** The path after `/v1/`. */
  route: Line(50),
  is_stream: Schema.Boolean,
  /** The one that answered; null when none did. */
  backend: Schema.NullOr(BackendId),
  lane: Schema.NullOr(Lane),
  outcome: UsageOutcome,
  /** The status that the caller was answered. */
  status: Schema.Int,
  /** The reason, where the outcome is not `ok`. */
  error: Schema.NullOr(Line(100)),
  /** Backends that were tried before, and why they did not serve. */
  failures: Schema.Array(Schema.Struct({ backend: BackendId, lane: Lane, error: Line(100) })),
  prompt_tokens: Count,
  completion_tokens: Count,
  total_tokens: Count,
  /** The tokens of the prompt that were read from the provider's cache, and those that were written to it. */
  cached_tokens: Count,
  cache_write_tokens: Count,
  /** The part of those that were written which the cache keeps for an hour: 0 in records without it. */
  cache_write_hour_tokens: Schema.optionalKey(Count),
  /** The part of the completion's tokens that went into reasoning. */
  reasoning_tokens: Count,
  cost_usd: Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0)),
  /** The origin of the price: the backend's mapping (also of records without it), the kept catalogue, or no price. */
  price_source: Schema.optionalKey(PriceSource),
  /** The provider did not say: the tokens are counted from text. */
  is_estimated: Schema.Boolean,
  latency_ms: Millis,
  /** The time to the first output; null when there was none. */
  first_output_ms: Schema.NullOr(Millis),
})
export type UsageRecord = typeof UsageRecord.Type
