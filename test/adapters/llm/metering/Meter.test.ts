import { assert, describe, it } from "@effect/vitest"
import { Clock, DateTime, Effect, Layer, Redacted, Stream } from "effect"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { FaultProxy } from "../../../../chaos/FaultProxy.ts"
import { Meter } from "../../../../src/adapters/llm/metering/Meter.ts"
import { Spending } from "../../../../src/gateway/metering/Spending.ts"
import { Metrics } from "../../../../src/adapters/telemetry/Metrics.ts"
import { UsageLog } from "../../../../src/projections/UsageLog.ts"
import { freshNats, startNats } from "../../../support/servers.ts"
import { eventually, randomUsage, usageLogOn, usageOf } from "../../../support/usage.ts"
import { firstRecords, metering } from "./metering.ts"

const gauge = (name: string) =>
  Effect.map(Metrics, ({ text }) => Number(new RegExp(`^${name} (\\d+)$`, "m").exec(text())?.[1]))

const now = Effect.map(DateTime.now, DateTime.formatIso)

/** All that a nats-server has in its files. */
const textIn = (folder: string) =>
  Effect.sync(() =>
    readdirSync(folder, { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".blk"))
      .map((name) => readFileSync(join(folder, name), "latin1"))
      .join(""),
  )

const ids = (records: ReadonlyArray<{ readonly id: string }>) => records.map(({ id }) => id)

describe("the meter", () => {
  it.live("the meter puts every record on the log, in batches, a moment later", () =>
    Effect.gen(function* () {
      const records = randomUsage("meter", 750)
      yield* Effect.gen(function* () {
        const { record } = yield* Meter
        const before = yield* Clock.currentTimeMillis
        for (const one of records) record(one)
        const found = yield* firstRecords(750)
        assert.deepStrictEqual(found, records)
        assert.isBelow((yield* Clock.currentTimeMillis) - before, 2_000)
        const { head } = yield* UsageLog
        const { last } = yield* head
        assert.isAtLeast(last, 8)
        assert.isAtMost(last, 20)
      }).pipe(Effect.provide(metering(usageLogOn(yield* freshNats))))
    }),
  )

  it.live("the meter counts a record at once: for the member's day and for the metrics", () =>
    Effect.gen(function* () {
      const { record } = yield* Meter
      const { today } = yield* Spending
      const { text } = yield* Metrics
      const at = yield* now
      record(usageOf({ at, member: "ada", total_tokens: 150, cost_usd: 0.25 }))
      record(usageOf({ at, member: "ada", total_tokens: 50, cost_usd: 0.1 }))
      record(usageOf({ at, member: null, total_tokens: 50 }))
      assert.deepStrictEqual(today("ada"), { tokens: 200, nanoUsd: 350_000_000 })
      assert.match(text(), /sidecar_requests_total\{.*\} 3/)
    }).pipe(Effect.provide(Layer.unwrap(Effect.map(freshNats, (nats) => metering(usageLogOn(nats)))))),
  )

  it.live("the meter keeps records while the log is away, and stores each once when it is back", () =>
    Effect.gen(function* () {
      const nats = yield* startNats()
      const records = randomUsage("outage", 500)
      yield* Effect.gen(function* () {
        const { record } = yield* Meter
        for (const one of records.slice(0, 100)) record(one)
        yield* firstRecords(100)
        // A signal is written a moment after it was acknowledged: what is not in a file is lost by a kill.
        yield* eventually(textIn(nats.folder), (text) => text.includes(records[99]!.id))
        yield* nats.kill
        for (const one of records.slice(100, 400)) record(one)
        yield* eventually(gauge("sidecar_usage_waiting"), (waiting) => waiting > 0 && waiting <= 300)
        yield* nats.start
        for (const one of records.slice(400)) record(one)
        assert.deepStrictEqual(yield* firstRecords(500), records)
        yield* eventually(gauge("sidecar_usage_waiting"), (waiting) => waiting === 0)
      }).pipe(Effect.provide(metering(usageLogOn(nats.access))))
    }),
  )

  it.live("adds a batch again under its number when nobody knows what became of it", () =>
    Effect.gen(function* () {
      const access = yield* freshNats
      const { hostname, port } = new URL(Redacted.value(access.backend).url)
      const proxy = yield* Effect.acquireRelease(
        Effect.promise(() => FaultProxy.to({ host: hostname, port: Number(port) })),
        (one) => Effect.promise(() => one.close()),
      )
      const direct = usageLogOn(access)
      const [first, second] = [usageOf(), usageOf()]
      yield* Effect.gen(function* () {
        const { record } = yield* Meter
        proxy.mode = "swallowAnswers"
        record(first)
        // It is stored, but its answer never comes.
        yield* Effect.provide(firstRecords(1), direct)
        proxy.cut()
        proxy.mode = "pass"
        record(second)
        const found = yield* Effect.provide(
          Effect.flatMap(UsageLog, (log) => log.follow(0).pipe(Stream.take(2), Stream.runCollect)),
          direct,
        )
        assert.deepStrictEqual(
          found.map(({ number, records }) => [number, ids(records)]),
          [
            [1, [first.id]],
            [2, [second.id]],
          ],
        )
      }).pipe(Effect.provide(metering(usageLogOn(access, `nats://127.0.0.1:${proxy.port}`))))
    }).pipe(Effect.scoped),
  )

  it.live("flushes when it ends", () =>
    Effect.gen(function* () {
      const access = yield* freshNats
      const records = randomUsage("end", 250)
      yield* Effect.gen(function* () {
        const { record } = yield* Meter
        for (const one of records) record(one)
      }).pipe(Effect.provide(metering(usageLogOn(access))))
      assert.deepStrictEqual(yield* Effect.provide(firstRecords(250), usageLogOn(access)), records)
    }),
  )

  it.live("the meter gives up when it ends without a log, after the time that a stop may take", () =>
    Effect.gen(function* () {
      const nats = yield* startNats()
      const before = yield* Effect.gen(function* () {
        const { record } = yield* Meter
        yield* nats.kill
        record(usageOf())
        return yield* Clock.currentTimeMillis
      }).pipe(
        Effect.provide(metering(usageLogOn(nats.access), { env: { CREWLOG_DRAIN_TIMEOUT: "300 millis" } })),
      )
      const took = (yield* Clock.currentTimeMillis) - before
      assert.isAtLeast(took, 290)
      assert.isBelow(took, 3_000)
    }),
  )
})
