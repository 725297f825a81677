import { DateTime, Effect, Schema } from "effect"
import { BackendId } from "../domain/Backend.ts"
import { Line } from "../domain/Text.ts"
import { UsageReads } from "../projections/UsageReads.ts"
import * as examples from "./examples.ts"
import { question } from "./Operation.ts"
import { admins } from "./rights.ts"
import { CooldownBody, DayBody, HourBody, MemberUsageBody, TaskUsageBody, TotalBody } from "./usageBodies.ts"

const HOURS = 168
const DAYS = 30
const LIMIT = 50

const may = admins("manage the gateway")
const { backend: backendExample, ids, sums } = examples
const optional = Schema.optionalKey
const between = (minimum: number, maximum: number) =>
  optional(Schema.Int.check(Schema.isBetween({ minimum, maximum })))
const ofBackend = { backend_id: optional(BackendId) }
/** 90 days. */
const hours = between(1, 2_160)
const days = between(1, 366)
const limit = between(1, 500)
const name = optional(Line(200))

const hoursAgo = (hours: number) =>
  Effect.map(DateTime.now, (now) => DateTime.formatIso(DateTime.subtract(now, { hours })))
/** The first moment of the earliest of so many days, today's among them. */
const daysAgo = (days: number) =>
  Effect.map(DateTime.now, (now) =>
    DateTime.formatIso(DateTime.subtract(DateTime.startOf(now, "day"), { days: days - 1 })),
  )

/** By the names that the interface has for what belongs to a backend. */
const named = <Row extends { readonly backend: string | null }>({ backend, ...row }: Row) => ({
  backend_id: backend,
  ...row,
})

const totalUsage = question({
  name: "usage.total",
  summary: "Sums up what requests used and cost",
  description: "Of the last `hours`, or of all time.",
  input: { ...ofBackend, hours },
  query: ["backend_id", "hours"],
  output: TotalBody,
  rest: ["GET", "/api/admin/stats/total", 200],
  may,
  refusals: [],
  example: { input: { hours: 24 }, output: sums },
  from: "usage",
  ask: Effect.fnUntraced(function* ({ backend_id: backend, hours }) {
    const since = hours === undefined ? undefined : yield* hoursAgo(hours)
    const { value } = yield* UsageReads.use((usage) => usage.total({ since, backend }))
    return { body: value }
  }),
})

const hourlyUsage = question({
  name: "usage.hourly",
  summary: "Lists what requests used and cost by the hour",
  description: "By backend, pool and model, the newest hour first; of the last week by default.",
  input: { ...ofBackend, hours },
  query: ["backend_id", "hours"],
  output: Schema.Array(HourBody),
  rest: ["GET", "/api/admin/stats/hourly", 200],
  may,
  refusals: [],
  example: {
    input: { hours: 24 },
    output: [
      { hour: "2026-11-02T09:00:00.000Z", backend_id: ids.backend, pool: "primary", model: "small", ...sums },
    ],
  },
  from: "usage",
  ask: Effect.fnUntraced(function* ({ backend_id: backend, hours = HOURS }) {
    const since = yield* hoursAgo(hours)
    const { value } = yield* UsageReads.use((usage) => usage.hourly({ since, backend }))
    return { body: value.map(({ lane, ...row }) => ({ pool: lane, ...named(row) })) }
  }),
})

const dailyUsage = question({
  name: "usage.daily",
  summary: "Lists what requests used and cost by the day",
  description: "By pool, days of UTC, the newest first; of the last 30 by default.",
  input: { ...ofBackend, days },
  query: ["backend_id", "days"],
  output: Schema.Array(DayBody),
  rest: ["GET", "/api/admin/stats/daily", 200],
  may,
  refusals: [],
  example: { input: { days: 7 }, output: [{ day: "2026-11-02", pool: "primary", backends: 2, ...sums }] },
  from: "usage",
  ask: Effect.fnUntraced(function* ({ backend_id: backend, days = DAYS }) {
    const since = yield* daysAgo(days)
    const { value } = yield* UsageReads.use((usage) => usage.daily({ since, backend }))
    return { body: value }
  }),
})

const listCooldowns = question({
  name: "usage.cooldowns",
  summary: "Lists how often backends had to rest",
  description: "The newest first; `model` is null where the whole backend rested.",
  input: { ...ofBackend, limit },
  query: ["backend_id", "limit"],
  output: Schema.Array(CooldownBody),
  rest: ["GET", "/api/admin/stats/cooldown", 200],
  may,
  refusals: [],
  example: {
    input: { limit: 10 },
    output: [
      {
        seq: 21,
        backend_id: ids.backend,
        model: null,
        reason: "rate_limit",
        since: backendExample.created_at,
        until: "2026-11-02T09:00:30.000Z",
        at: backendExample.created_at,
      },
    ],
  },
  from: "tables",
  ask: Effect.fnUntraced(function* ({ backend_id: backend, limit = LIMIT }) {
    const { seq, value } = yield* UsageReads.use((usage) => usage.cooldowns({ backend, limit }))
    return { seq, body: value.map(named) }
  }),
})

const memberUsage = question({
  name: "usage.members",
  summary: "Lists what members used and what it cost",
  description: "The most expensive first; `member` is null for the token that many share.",
  input: { ...ofBackend, days },
  query: ["backend_id", "days"],
  output: Schema.Array(MemberUsageBody),
  rest: ["GET", "/api/admin/stats/members", 200],
  may,
  refusals: [],
  example: { input: { days: 7 }, output: [{ member: "ada", ...sums }] },
  from: "usage",
  ask: Effect.fnUntraced(function* ({ backend_id: backend, days = DAYS }) {
    const since = yield* daysAgo(days)
    const { value } = yield* UsageReads.use((usage) => usage.members({ since, backend }))
    return { body: value }
  }),
})

const taskUsage = question({
  name: "usage.tasks",
  summary: "Lists what tasks used and what it cost",
  description:
    "By the labels that requests carried (`Crewlog-Project`, `Crewlog-Task`), the most expensive first.",
  input: { project: name, task: name, limit },
  query: ["project", "task", "limit"],
  output: Schema.Array(TaskUsageBody),
  rest: ["GET", "/api/admin/stats/tasks", 200],
  may,
  refusals: [],
  example: { input: { task: "TE-1" }, output: [{ project: null, task: "TE-1", model: "small", ...sums }] },
  from: "usage",
  ask: Effect.fnUntraced(function* ({ limit = LIMIT, project, task }) {
    const { value } = yield* UsageReads.use((usage) => usage.tasks({ project, task, limit }))
    return { body: value }
  }),
})

export const usage = [totalUsage, hourlyUsage, dailyUsage, listCooldowns, memberUsage, taskUsage]
