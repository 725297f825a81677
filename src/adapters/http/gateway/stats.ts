import { DateTime, Effect } from "effect"
import { HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import type { Seen } from "../../../projections/ReadModel.ts"
import { UsageReads } from "../../../projections/UsageReads.ts"
import { Answers } from "../Answers.ts"
import { GatewayApi } from "./GatewayApi.ts"

const HOURS = 168
const DAYS = 30
const LIMIT = 50

const hoursAgo = (hours: number) =>
  Effect.map(DateTime.now, (now) => DateTime.formatIso(DateTime.subtract(now, { hours })))
/** The first moment of the earliest of so many days, today's among them. */
const daysAgo = (days: number) =>
  Effect.map(DateTime.now, (now) =>
    DateTime.formatIso(DateTime.subtract(DateTime.startOf(now, "day"), { days: days - 1 })),
  )

/** Usage is not on the log of events, so an answer has no position there. */
const told = ({ value }: Seen<object>) => HttpServerResponse.jsonUnsafe(value)

/** By the names that the interface has for what belongs to a backend. */
const named = <Row extends { readonly backend: string | null }>({ backend, ...row }: Row) => ({
  backend_id: backend,
  ...row,
})

/** What requests used and cost, and how often backends had to rest. */
export const StatsHandlers = HttpApiBuilder.group(
  GatewayApi,
  "stats",
  Effect.fnUntraced(function* (handlers) {
    const answers = yield* Answers
    const usage = yield* UsageReads

    return handlers.handleAll({
      total: ({ query: { backend_id: backend, hours } }) =>
        answers.to(() =>
          Effect.gen(function* () {
            const since = hours === undefined ? undefined : yield* hoursAgo(hours)
            return told(yield* usage.total({ since, backend }))
          }),
        ),
      hourly: ({ query: { backend_id: backend, hours = HOURS } }) =>
        answers.to(() =>
          Effect.gen(function* () {
            const { seq, value } = yield* usage.hourly({ since: yield* hoursAgo(hours), backend })
            const rows = value.map(({ lane, ...row }) => ({ pool: lane, ...named(row) }))
            return told({ seq, value: rows })
          }),
        ),
      daily: ({ query: { backend_id: backend, days = DAYS } }) =>
        answers.to(() =>
          Effect.gen(function* () {
            return told(yield* usage.daily({ since: yield* daysAgo(days), backend }))
          }),
        ),
      cooldown: ({ query: { backend_id: backend, limit = LIMIT } }) =>
        answers.to((exchange) =>
          Effect.gen(function* () {
            const seen = yield* answers.read(exchange, usage.cooldowns({ backend, limit }))
            return answers.seen(exchange, seen, seen.value.map(named))
          }),
        ),
      members: ({ query: { backend_id: backend, days = DAYS } }) =>
        answers.to(() =>
          Effect.gen(function* () {
            return told(yield* usage.members({ since: yield* daysAgo(days), backend }))
          }),
        ),
      tasks: ({ query: { limit = LIMIT, project, task } }) =>
        answers.to(() => Effect.map(usage.tasks({ project, task, limit }), told)),
    })
  }),
)
