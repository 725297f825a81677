import type { UsageRecord } from "../../../domain/Usage.ts"
import type { Call } from "./Call.ts"
import { estimatedUsage } from "./estimates.ts"
import { type Catalogue, priced } from "./prices.ts"
import { noTokens, type TokenUsage } from "./tokenUsage.ts"

/** The model of requests that name none, or one that nobody serves: names that callers make up are not kept. */
const NO_MODEL = "unknown"
/** The status that servers note for a client that went away before it was answered. */
const CLIENT_GONE = 499

interface Ending {
  readonly outcome: UsageRecord["outcome"]
  readonly error: string | null
  /** True if a backend maps the model. */
  readonly isMapped: boolean
  readonly catalogue: Catalogue
}

interface Used {
  readonly usage: TokenUsage
  readonly isEstimated: boolean
}

/**
 * The usage that the provider told; where it put something out without telling to the end, what can be
 * counted from text.
 */
const usedBy = ({ body, characters, hasOutput, usage }: Call, isWhole: boolean): Used => {
  if (!hasOutput || body === undefined || (isWhole && usage !== undefined)) {
    return { usage: usage ?? noTokens, isEstimated: false }
  }
  const estimate = estimatedUsage(body.fields, characters)
  if (usage === undefined) return { usage: estimate, isEstimated: true }
  const completion = Math.max(usage.completion, estimate.completion)
  return { usage: { ...usage, completion, total: usage.prompt + completion }, isEstimated: true }
}

let [nowMillis, nowText] = [0, ""]

/** Of the same millisecond many requests are told, and writing it takes as long as all of the record. */
const nowAsText = (): string => {
  const now = Date.now()
  if (now !== nowMillis) [nowMillis, nowText] = [now, new Date(now).toISOString()]
  return nowText
}

const unpriced = { cost: 0, source: "none" } as const

/** The record of what a request came to. */
export const recordOf = (call: Call, { catalogue, error, isMapped, outcome }: Ending): UsageRecord => {
  const { body, caller, failures, firstOutputAt, lease, response, since } = call
  const { isEstimated, usage } = usedBy(call, outcome === "ok")
  const { cost, source } =
    lease === undefined ? unpriced : priced(usage, lease.mapping, lease.route.backend.api_base_url, catalogue)
  return {
    id: call.id,
    at: nowAsText(),
    member: caller.member?.slug ?? null,
    project: caller.project,
    task: caller.task,
    model: isMapped && body !== undefined ? body.model : NO_MODEL,
    route: call.route.path,
    is_stream: body?.isStream ?? false,
    backend: lease?.route.backend.id ?? null,
    lane: lease?.lane ?? null,
    outcome,
    status: response.headersSent ? response.statusCode : CLIENT_GONE,
    error,
    failures,
    prompt_tokens: usage.prompt,
    completion_tokens: usage.completion,
    total_tokens: usage.total,
    cached_tokens: usage.cached,
    cache_write_tokens: usage.cacheWrite,
    cache_write_hour_tokens: usage.cacheWriteHour ?? 0,
    reasoning_tokens: usage.reasoning,
    cost_usd: cost,
    price_source: source,
    is_estimated: isEstimated,
    latency_ms: performance.now() - since,
    first_output_ms: firstOutputAt === undefined ? null : firstOutputAt - since,
  }
}
