import { Context, type Effect } from "effect"
import type { ReadModelUnavailable, Seen } from "./ReadModel.ts"

/**
 * The sums of some requests. A try that failed over to another backend is a request and an error of its
 * backend, too; `failed_tries` is the number of those, so that callers made `requests - failed_tries`
 * requests.
 */
export interface UsageSums {
  readonly requests: number
  readonly errors: number
  readonly aborted: number
  readonly failed_tries: number
  readonly prompt_tokens: number
  readonly completion_tokens: number
  readonly total_tokens: number
  readonly cached_tokens: number
  readonly cache_write_tokens: number
  readonly reasoning_tokens: number
  readonly cost_usd: number
  /** Means; null without a request that has one. */
  readonly latency_ms: number | null
  readonly first_output_ms: number | null
}

/** `hour` is its beginning; `backend` and `lane` are null for requests that no backend served. */
export interface HourlyUsage extends UsageSums {
  readonly hour: string
  readonly backend: string | null
  readonly lane: string | null
  readonly model: string
}

/** `day` is a UTC day, `2026-03-01`. */
export interface DailyUsage extends UsageSums {
  readonly day: string
  readonly pool: string | null
  readonly backends: number
}

export interface MemberUsage extends UsageSums {
  /** The slug of the member; null for the shared token. */
  readonly member: string | null
}

export interface TaskUsage extends UsageSums {
  readonly project: string | null
  readonly task: string | null
  readonly model: string
}

export interface CooldownEntry {
  readonly seq: number
  readonly backend: string
  /** The model; null for the whole backend. */
  readonly model: string | null
  readonly reason: string
  readonly since: string
  readonly until: string
  /** The time at which it went to the log. */
  readonly at: string
}

type Read<Value> = Effect.Effect<Seen<Value>, ReadModelUnavailable>

interface Part {
  /** Hours that began at this time or later; all without it. */
  readonly since?: string | undefined
  readonly backend?: string | undefined
}

/** Questions about usage, asked of its tables; `seq` is of the log of signals, but for cooldowns. */
export class UsageReads extends Context.Service<
  UsageReads,
  {
    readonly total: (part: Part) => Read<UsageSums>
    /** Sums by hour, backend, lane and model; the newest hour first. */
    readonly hourly: (part: Part) => Read<ReadonlyArray<HourlyUsage>>
    /** Sums by day and pool; the newest day first. */
    readonly daily: (part: Part) => Read<ReadonlyArray<DailyUsage>>
    /** The most expensive first. */
    readonly members: (part: Part) => Read<ReadonlyArray<MemberUsage>>
    /** Sums by project, task and model, for as long as there are records; the most expensive first. */
    readonly tasks: (of: {
      readonly project?: string | undefined
      readonly task?: string | undefined
      readonly limit: number
    }) => Read<ReadonlyArray<TaskUsage>>
    /** The newest first. */
    readonly cooldowns: (of: {
      readonly backend?: string | undefined
      readonly limit: number
    }) => Read<ReadonlyArray<CooldownEntry>>
  }
>()("crewlog/projections/UsageReads") {}
