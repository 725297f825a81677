import { Effect, Layer } from "effect"
import {
  type CooldownEntry,
  type DailyUsage,
  type HourlyUsage,
  type MemberUsage,
  type TaskUsage,
  UsageReads,
  type UsageSums,
} from "../../projections/UsageReads.ts"
import type { Client } from "./client.ts"
import { Database } from "./Database.ts"
import { every, first, type Fragment, mapSeen, rowsOf, see } from "./seen.ts"

interface Part {
  readonly since?: string | undefined
  readonly backend?: string | undefined
}

/** The usage that was metered. The database adds everything up, in whole numbers. */
export const layer: Layer.Layer<UsageReads, never, Database> = Layer.effect(
  UsageReads,
  Effect.map(Database, ({ ask }) => {
    const read = <Row>(select: (sql: Client) => Fragment) =>
      Effect.map(
        ask((sql) => see<Row>(sql, select(sql), "usage")),
        rowsOf,
      )
    return UsageReads.of({
      total: (part) =>
        read<UsageSums>((sql) => sql`select ${added(sql)} from usage_hour where ${within(sql, part)}`).pipe(
          Effect.map((seen) => mapSeen(first(seen), (row) => row ?? nothing)),
        ),
      hourly: (part) =>
        read<HourlyUsage>(
          (sql) => sql`
            select hour, backend, lane, model, ${added(sql)} from usage_hour where ${within(sql, part)}
            group by hour, backend, lane, model order by hour desc, backend, lane, model`,
        ),
      daily: (part) =>
        read<DailyUsage>(
          (sql) => sql`
            select to_char(hour, 'YYYY-MM-DD') as day, lane as pool, count(distinct backend) as backends,
              ${added(sql)}
            from usage_hour where ${within(sql, part)} group by 1, 2 order by day desc, pool`,
        ),
      members: (part) =>
        read<MemberUsage>(
          (sql) => sql`
            select member, ${added(sql)} from usage_hour where ${within(sql, part)}
            group by member order by cost_usd desc, member`,
        ),
      tasks: ({ limit, project, task }) =>
        read<TaskUsage>(
          (sql) => sql`
            select project, task, model, ${added(sql)} from usage_task
            where ${every(sql, [
              ...(project === undefined ? [] : [sql`project = ${project}`]),
              ...(task === undefined ? [] : [sql`task = ${task}`]),
            ])}
            group by project, task, model order by cost_usd desc, project, task, model limit ${limit}`,
        ),
      cooldowns: ({ backend, limit }) =>
        Effect.map(
          ask((sql) => cooldowns(sql, backend, limit)),
          rowsOf,
        ),
    })
  }),
)

const within = (sql: Client, { backend, since }: Part): Fragment =>
  every(sql, [
    ...(since === undefined ? [] : [sql`hour >= ${since}`]),
    ...(backend === undefined ? [] : [sql`backend = ${backend}`]),
  ])

const nothing: UsageSums = {
  requests: 0,
  errors: 0,
  aborted: 0,
  failed_tries: 0,
  prompt_tokens: 0,
  completion_tokens: 0,
  total_tokens: 0,
  cached_tokens: 0,
  cache_write_tokens: 0,
  reasoning_tokens: 0,
  cost_usd: 0,
  latency_ms: null,
  first_output_ms: null,
}

/** Sums of whole numbers are exact; only what comes out becomes a number with a point. */
const added = (sql: Client): Fragment => sql`
  coalesce(sum(requests), 0)::float8 as requests,
  coalesce(sum(errors), 0)::float8 as errors,
  coalesce(sum(aborted), 0)::float8 as aborted,
  coalesce(sum(failed_tries), 0)::float8 as failed_tries,
  coalesce(sum(prompt_tokens), 0)::float8 as prompt_tokens,
  coalesce(sum(completion_tokens), 0)::float8 as completion_tokens,
  coalesce(sum(total_tokens), 0)::float8 as total_tokens,
  coalesce(sum(cached_tokens), 0)::float8 as cached_tokens,
  coalesce(sum(cache_write_tokens), 0)::float8 as cache_write_tokens,
  coalesce(sum(reasoning_tokens), 0)::float8 as reasoning_tokens,
  (coalesce(sum(cost_nano_usd), 0) / 1e9)::float8 as cost_usd,
  (sum(latency_us) / nullif(sum(latencies), 0) / 1000)::float8 as latency_ms,
  (sum(first_output_us) / nullif(sum(first_outputs), 0) / 1000)::float8 as first_output_ms`

const cooldowns = (sql: Client, backend: string | undefined, limit: number) =>
  see<CooldownEntry>(
    sql,
    sql`
      select seq, id as backend, data->>'model' as model, data->>'reason' as reason,
        data->>'since' as since, data->>'until' as until, at
      from history
      where event = 'CooldownStarted' and ${backend === undefined ? sql`true` : sql`id = ${backend}`}
      order by seq desc limit ${limit}`,
  )
