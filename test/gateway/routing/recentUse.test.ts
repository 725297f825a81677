import { assert, describe, it } from "@effect/vitest"
import { Clock, DateTime, Effect } from "effect"
import { recentUse } from "../../../src/gateway/routing/recentUse.ts"
import { Meter } from "../../../src/adapters/llm/metering/Meter.ts"
import { freshNats } from "../../support/servers.ts"
import { usageLogOn, usageOf } from "../../support/usage.ts"
import { metering } from "../../adapters/llm/metering/metering.ts"

describe("what backends were sent in the minute before a start", () => {
  it.live(
    "what backends were sent in the minute before a start counts the requests that began in it, failed tries included, and no others",
    () =>
      Effect.gen(function* () {
        const access = yield* freshNats
        const used = Effect.flatMap(Clock.currentTimeMillis, recentUse).pipe(
          Effect.provide(usageLogOn(access)),
          Effect.map((counts) => [...counts].toSorted()),
        )
        assert.deepStrictEqual(yield* used, [])

        const at = DateTime.formatIso(yield* DateTime.now)
        const dayBefore = DateTime.formatIso(DateTime.subtract(yield* DateTime.now, { days: 1 }))
        const failures = [{ backend: "bkd_000000000002", lane: "primary" as const, error: "timeout" }]
        yield* Effect.gen(function* () {
          const { record } = yield* Meter
          record(usageOf({ at, failures }))
          record(usageOf({ at }))
          // The request was sent long before it ended.
          record(usageOf({ at, latency_ms: 90_000 }))
          record(usageOf({ at, backend: null, lane: null, outcome: "refused" }))
          record(usageOf({ at: dayBefore }))
        }).pipe(Effect.provide(metering(usageLogOn(access))))

        assert.deepStrictEqual(yield* used, [
          ["bkd_000000000001", 2],
          ["bkd_000000000002", 1],
        ])
      }),
  )
})
