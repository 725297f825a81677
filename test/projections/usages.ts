import type { UsageRecord } from "../../src/domain/Usage.ts"

type Numbers = Record<string, number>
interface Entry {
  readonly place: Readonly<Record<string, string | null>>
  readonly id: string
  readonly counts: Numbers
}

const zero = {
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
}

const countsOf = (record: UsageRecord): Numbers => ({
  requests: 1,
  errors: ["error", "refused"].includes(record.outcome) ? 1 : 0,
  aborted: record.outcome === "aborted" ? 1 : 0,
  prompt_tokens: record.prompt_tokens,
  completion_tokens: record.completion_tokens,
  total_tokens: record.total_tokens,
  cached_tokens: record.cached_tokens,
  cache_write_tokens: record.cache_write_tokens,
  reasoning_tokens: record.reasoning_tokens,
  cost_nano_usd: Math.round(record.cost_usd * 1e9),
  latency_us: Math.round(record.latency_ms * 1e3),
  latencies: 1,
  ...(record.first_output_ms === null
    ? {}
    : { first_output_us: Math.round(record.first_output_ms * 1e3), first_outputs: 1 }),
})

const sum = (entries: ReadonlyArray<Entry>) => {
  const rows = new Map<string, Record<string, string | number | null>>()
  for (const { counts, id, place } of entries) {
    const row = rows.get(id) ?? { id, ...place, ...zero }
    for (const [name, count] of Object.entries(counts)) row[name] = Number(row[name]) + count
    rows.set(id, row)
  }
  return [...rows.values()].toSorted((one, other) => (String(one["id"]) < String(other["id"]) ? -1 : 1))
}

/** The rows of `usage_hour` that these records come to, by id: added up plainly, one by one. */
export const hoursIn = (records: ReadonlyArray<UsageRecord>) =>
  sum(
    records.flatMap((record) => {
      const { at, backend, failures, lane, member, model } = record
      const entry = (backend: string | null, lane: string | null, counts: Numbers): Entry => ({
        place: { hour: `${at.slice(0, 13)}:00:00.000Z`, backend, lane, model, member },
        id: [at.slice(0, 13), backend ?? "", lane ?? "", member ?? "", model].join(" "),
        counts,
      })
      return [
        entry(backend, lane, countsOf(record)),
        ...failures.map((one) => entry(one.backend, one.lane, { requests: 1, errors: 1, failed_tries: 1 })),
      ]
    }),
  )

/** Likewise of `usage_task`. */
export const tasksIn = (records: ReadonlyArray<UsageRecord>) =>
  sum(
    records
      .filter(({ project, task }) => project !== null || task !== null)
      .map((record) => {
        const { model, project, task } = record
        const id = JSON.stringify([project, task, model])
        return { place: { project, task, model }, id, counts: countsOf(record) }
      }),
  )
