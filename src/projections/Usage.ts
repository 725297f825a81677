import type { Lane, UsageRecord } from "../domain/Usage.ts"
import type { Model } from "./Store.ts"
import { bigint, defineTable, instant, nullable, oneOf, type RowOf, text } from "./Table.ts"

// All whole numbers, so that they add up exactly in any order: money in nano-USD, times in microseconds.
const sums = {
  requests: bigint,
  errors: bigint,
  aborted: bigint,
  /** The part of `requests` (and of `errors`) after which another backend was tried. */
  failed_tries: bigint,
  prompt_tokens: bigint,
  completion_tokens: bigint,
  total_tokens: bigint,
  cached_tokens: bigint,
  cache_write_tokens: bigint,
  reasoning_tokens: bigint,
  cost_nano_usd: bigint,
  latency_us: bigint,
  latencies: bigint,
  first_output_us: bigint,
  first_outputs: bigint,
}
type Sums = { [Name in keyof typeof sums]: number }
const names = Object.keys(sums) as ReadonlyArray<keyof Sums>

/** Usage by hour, backend, lane, model and member; the id is made of these. */
export const usageHour = defineTable({
  name: "usage_hour",
  columns: {
    id: text,
    hour: instant,
    backend: nullable(text),
    lane: nullable(oneOf<typeof Lane.Type>()),
    model: text,
    member: nullable(text),
    ...sums,
  },
  key: ["id"],
  appendOnly: false,
  indices: ["(hour)"],
})

/** Usage of what was asked for a project or a task, by both and model. */
export const usageTask = defineTable({
  name: "usage_task",
  columns: { id: text, project: nullable(text), task: nullable(text), model: text, ...sums },
  key: ["id"],
  appendOnly: false,
  indices: [],
})

/** The newest batch of each node that is in these tables: none is added twice, wherever the log is read from. */
export const usageNode = defineTable({
  name: "usage_node",
  columns: { id: text, number: bigint },
  key: ["id"],
  appendOnly: false,
  indices: [],
})

/**
 * The third read model: what the gateways metered. The log forgets it after 7 days, so these tables are kept
 * (docs/decisions/0009): columns may only be added, and the version never changes.
 */
export const usageModel: Model = {
  name: "usage",
  tables: [usageHour, usageTask, usageNode],
  version: "1",
  isKept: true,
}

type Writable<Fields> = { -readonly [Name in keyof Fields]: Fields[Name] }
export type HourRow = Writable<RowOf<typeof usageHour>>
export type TaskRow = Writable<RowOf<typeof usageTask>>

const nothing = (): Sums => ({
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
  cost_nano_usd: 0,
  latency_us: 0,
  latencies: 0,
  first_output_us: 0,
  first_outputs: 0,
})

/** A number that a provider made up must not make a row that no table takes. */
const whole = (value: number) => Math.min(Math.round(value), Number.MAX_SAFE_INTEGER)

/** A record's cost is rounded to these; sums of them are exact. */
export const nanoUsd = (usd: number): number => whole(usd * 1e9)

export const addRow = (to: Sums, more: Sums): void => {
  for (const name of names) to[name] = whole(to[name] + more[name])
}

/** The end of a request at the backend that answered, if any did. */
export const addEnd = (to: Sums, record: UsageRecord): void => {
  to.requests += 1
  if (record.outcome === "error" || record.outcome === "refused") to.errors += 1
  if (record.outcome === "aborted") to.aborted += 1
  to.prompt_tokens = whole(to.prompt_tokens + record.prompt_tokens)
  to.completion_tokens = whole(to.completion_tokens + record.completion_tokens)
  to.total_tokens = whole(to.total_tokens + record.total_tokens)
  to.cached_tokens = whole(to.cached_tokens + record.cached_tokens)
  to.cache_write_tokens = whole(to.cache_write_tokens + record.cache_write_tokens)
  to.reasoning_tokens = whole(to.reasoning_tokens + record.reasoning_tokens)
  to.cost_nano_usd = whole(to.cost_nano_usd + nanoUsd(record.cost_usd))
  to.latency_us = whole(to.latency_us + whole(record.latency_ms * 1000))
  to.latencies += 1
  if (record.first_output_ms === null) return
  to.first_output_us = whole(to.first_output_us + whole(record.first_output_ms * 1000))
  to.first_outputs += 1
}

/** A try of a backend that did not serve: a request and an error of its own, without tokens. */
export const addFailedTry = (to: Sums): void => {
  to.requests += 1
  to.errors += 1
  to.failed_tries += 1
}

/** The id of a row of an hour. No part before the model has a blank in it. */
export const hourId = (
  at: string,
  backend: string | null,
  lane: string | null,
  member: string | null,
  model: string,
): string => `${at.slice(0, 13)} ${backend ?? ""} ${lane ?? ""} ${member ?? ""} ${model}`

/** The id of a row of a task; undefined for a request that was for neither a project nor a task. */
export const taskId = ({ model, project, task }: UsageRecord): string | undefined =>
  project === null && task === null ? undefined : JSON.stringify([project, task, model])

export const hourRow = (
  id: string,
  { at, member, model }: UsageRecord,
  backend: string | null,
  lane: typeof Lane.Type | null,
): HourRow => ({ id, hour: `${at.slice(0, 13)}:00:00.000Z`, backend, lane, model, member, ...nothing() })

export const taskRow = (id: string, { model, project, task }: UsageRecord): TaskRow => ({
  id,
  project,
  task,
  model,
  ...nothing(),
})
