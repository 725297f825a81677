import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Schedule } from "effect"
import { cpSync, renameSync, rmSync } from "node:fs"
import { join } from "node:path"
import { Nats } from "../../../src/adapters/nats/Connection.ts"
import { layer as DatabaseLayer } from "../../../src/adapters/postgres/Database.ts"
import type { SchemaAt } from "../../../src/adapters/postgres/client.ts"
import { rebuild } from "../../../src/adapters/postgres/rebuild.ts"
import { layer as StoreLayer, storeIn } from "../../../src/adapters/postgres/Store.ts"
import { layer as UsageReadsLayer } from "../../../src/adapters/postgres/usageReads.ts"
import { BackendCommand } from "../../../src/domain/Backend.ts"
import type { UsageRecord } from "../../../src/domain/Usage.ts"
import { EventLog } from "../../../src/domain/EventLog.ts"
import type { Model } from "../../../src/projections/Store.ts"
import { bigint, nullable, type Row, text } from "../../../src/projections/Table.ts"
import { usageHour, usageModel, usageTask } from "../../../src/projections/Usage.ts"
import { usageProjector } from "../../../src/projections/UsageProjector.ts"
import { UsageReads, type UsageSums } from "../../../src/projections/UsageReads.ts"
import { at, limited, registration, UsualBackend } from "../../domain/backends.ts"
import { CrewLog } from "../../projections/CrewLog.ts"
import { randomCrew } from "../../projections/crews.ts"
import { hoursIn, tasksIn } from "../../projections/usages.ts"
import { freshNats, startNats } from "../../support/servers.ts"
import { eventually, randomUsage, usageLogOn, usageOf } from "../../support/usage.ts"
import { clientOf, freshSchema, projectTo } from "./schemas.ts"

const { RegisterBackend } = BackendCommand.cases

/** A node that counts usage; interrupt it to end it. */
const counting = (place: SchemaAt, Log: ReturnType<typeof usageLogOn>) =>
  usageProjector.pipe(
    Effect.provide(Layer.fresh(Layer.merge(Log, StoreLayer.pipe(Layer.provide(DatabaseLayer(place)))))),
    Effect.forkChild,
  )

/** Stored by a node, some of it twice: as a retry is whose first answer was lost for longer than ids are remembered. */
const metered = Effect.fnUntraced(function* (
  node: string,
  records: ReadonlyArray<UsageRecord>,
  { from = 1, size = 20 } = {},
) {
  const { js } = yield* Nats
  for (let at = 0, number = from; at < records.length; at += size, number++) {
    const text = `{"number":${number},"records":${JSON.stringify(records.slice(at, at + size))}}`
    const publish = Effect.tryPromise(() => js.publish(`crew.sig.usage.${node}`, text, { timeout: 1_000 }))
    for (let times = number % 3 === 0 ? 2 : 1; times > 0; times--) {
      yield* publish.pipe(Effect.retry(Schedule.spaced("50 millis")), Effect.orDie)
    }
  }
})

const tables = Effect.fnUntraced(function* (place: SchemaAt) {
  const sql = yield* clientOf(place)
  const rows = (table: { readonly name: string }) =>
    Effect.promise(async () => [...(await sql<Array<Row>>`select * from ${sql(table.name)} order by id`)])
  return { hours: yield* rows(usageHour), tasks: yield* rows(usageTask) }
}, Effect.scoped)

const counted = (place: SchemaAt, requests: number) =>
  Effect.gen(function* () {
    const sql = yield* clientOf(place)
    const found = Effect.promise(async () => {
      try {
        const [row] = await sql<Array<{ sum: string }>>`select sum(requests - failed_tries) from usage_hour`
        return Number(row?.sum ?? 0)
      } catch {
        return 0
      }
    })
    assert.strictEqual(yield* eventually(found, (sum) => sum >= requests), requests)
  }).pipe(Effect.scoped)

const reads = <A, E>(place: SchemaAt, read: Effect.Effect<A, E, UsageReads>) =>
  Effect.provide(read, Layer.fresh(UsageReadsLayer.pipe(Layer.provide(DatabaseLayer(place)))))

describe("the tables of usage", () => {
  it.live(
    "the tables of usage are the sums of the records, through crashes and records that come twice",
    () =>
      Effect.gen(function* () {
        const place = yield* freshSchema
        const Log = usageLogOn(yield* freshNats)
        const [some, more, last] = ["some", "more", "last"].map((seed) => randomUsage(seed, 400))
        yield* Effect.gen(function* () {
          const first = yield* counting(place, Log)
          yield* metered("a", some!)
          yield* counted(place, 400)
          // It dies while it writes: whatever it did not commit, the next one counts.
          yield* metered("b", more!)
          yield* Fiber.interrupt(first)
          yield* metered("a", last!, { from: 21 })
          const second = yield* counting(place, Log)
          yield* counted(place, 1_200)
          yield* Fiber.interrupt(second)
        }).pipe(Effect.provide(Log))
        const all = [...some!, ...more!, ...last!]
        const { hours, tasks } = yield* tables(place)
        assert.deepStrictEqual(hours, hoursIn(all))
        assert.deepStrictEqual(tasks, tasksIn(all))
      }),
    60_000,
  )

  it.live("the tables of usage are counted from another log on", () =>
    Effect.gen(function* () {
      const place = yield* freshSchema
      const once = (Log: ReturnType<typeof usageLogOn>, records: ReadonlyArray<UsageRecord>, total: number) =>
        Effect.gen(function* () {
          yield* metered("a", records, { size: 1 })
          const running = yield* counting(place, Log)
          yield* counted(place, total)
          yield* Fiber.interrupt(running)
        }).pipe(Effect.provide(Log))
      const records = [usageOf(), usageOf({ member: "bob" })]
      yield* once(usageLogOn(yield* freshNats), records, 2)
      // The same batches again, and one more, in a log that begins anew.
      yield* once(usageLogOn(yield* freshNats), [...records, usageOf({ model: "other" })], 3)
      const { hours } = yield* tables(place)
      assert.lengthOf(hours, 3)
    }),
  )

  it.live(
    "the tables of usage count what stands in the place of records that the log has lost with its server",
    () =>
      Effect.gen(function* () {
        const place = yield* freshSchema
        const nats = yield* startNats()
        const store = join(nats.folder, "jetstream")
        const Log = usageLogOn(nats.access)
        yield* Effect.gen(function* () {
          yield* metered("a", [usageOf(), usageOf()], { size: 1 })
          yield* nats.stop
          yield* Effect.sync(() => cpSync(store, `${store}-before`, { recursive: true }))
          yield* nats.start
          const running = yield* counting(place, Log)
          yield* metered("b", [usageOf()])
          yield* counted(place, 3)
          yield* nats.stop
          yield* Effect.sync(() => {
            rmSync(store, { recursive: true })
            renameSync(`${store}-before`, store)
          })
          yield* nats.start
          yield* metered("c", [usageOf()])
          yield* counted(place, 4)
          yield* Fiber.interrupt(running)
        }).pipe(Effect.provide(Log))
      }).pipe(Effect.scoped),
    60_000,
  )

  it.live("the tables of usage are never made anew: a model that has more columns adds them", () =>
    Effect.gen(function* () {
      const place = yield* freshSchema
      const Log = usageLogOn(yield* freshNats)
      yield* Effect.gen(function* () {
        const running = yield* counting(place, Log)
        yield* metered("a", [usageOf(), usageOf()])
        yield* counted(place, 2)
        yield* Fiber.interrupt(running)
      }).pipe(Effect.provide(Log))
      const before = yield* tables(place)
      const columns = { ...usageHour.columns, images: bigint, region: nullable(text) }
      const newer: Model = {
        ...usageModel,
        version: "2",
        tables: [
          { ...usageHour, columns },
          ...usageModel.tables.slice(1),
          { ...usageTask, name: "usage_more" },
        ],
      }
      const start = yield* Effect.scoped(Effect.map(storeIn(place).lead(newer), ({ start }) => start))
      assert.isAbove(start.seq, 0)
      const { hours, tasks } = yield* tables(place)
      assert.deepStrictEqual(
        hours,
        before.hours.map((row) => ({ ...row, images: 0, region: null })),
      )
      assert.deepStrictEqual(tasks, before.tasks)
    }),
  )

  it.live(
    "the tables of usage are left alone by a rebuild",
    () =>
      Effect.gen(function* () {
        const place = yield* freshSchema
        const Log = usageLogOn(yield* freshNats)
        const log = randomCrew("usage", new CrewLog())
        yield* projectTo(place, log.service, log.records.length)
        yield* Effect.gen(function* () {
          const running = yield* counting(place, Log)
          yield* metered("a", [usageOf({ task: "TE-1" }), usageOf()])
          yield* counted(place, 2)
          const before = yield* tables(place)
          yield* rebuild(place).pipe(Effect.scoped, Effect.provideService(EventLog, log.service))
          assert.deepStrictEqual(yield* tables(place), before)
          yield* metered("b", [usageOf()])
          yield* counted(place, 3)
          yield* Fiber.interrupt(running)
        }).pipe(Effect.provide(Log))
      }),
    60_000,
  )
})

const HOUR = "2026-03-01T10:00:00.000Z"

describe("what is read of usage", () => {
  const sums = (records: ReadonlyArray<UsageRecord>): Partial<UsageSums> => {
    const sum = (of: (record: UsageRecord) => number) => records.reduce((total, one) => total + of(one), 0)
    return {
      requests: records.length + sum(({ failures }) => failures.length),
      failed_tries: sum(({ failures }) => failures.length),
      total_tokens: sum(({ total_tokens }) => total_tokens),
      cost_usd: sum(({ cost_usd }) => Math.round(cost_usd * 1e9)) / 1e9,
      latency_ms: sum(({ latency_ms }) => Math.round(latency_ms * 1e3)) / records.length / 1e3,
    }
  }

  it.live("what is read of usage adds up to what was metered", () =>
    Effect.gen(function* () {
      const place = yield* freshSchema
      const Log = usageLogOn(yield* freshNats)
      const records = randomUsage("reads", 300)
      yield* Effect.gen(function* () {
        const running = yield* counting(place, Log)
        yield* metered("a", records)
        yield* counted(place, 300)
        yield* Fiber.interrupt(running)
      }).pipe(Effect.provide(Log))

      yield* reads(
        place,
        Effect.gen(function* () {
          const usage = yield* UsageReads
          const total = yield* usage.total({})
          assert.isAbove(total.seq, 0)
          assert.deepInclude(total.value, sums(records))

          const since = "2026-03-02T00:00:00.000Z"
          const late = records.filter(({ at }) => at >= since)
          assert.deepInclude((yield* usage.total({ since })).value, sums(late))
          assert.isBelow(late.length, records.length)

          const { value: hourly } = yield* usage.hourly({ backend: "bkd_000000000001" })
          assert.isTrue(hourly.every(({ backend }) => backend === "bkd_000000000001"))
          const own = (yield* usage.total({ backend: "bkd_000000000001" })).value
          assert.strictEqual(
            hourly.reduce((sum, { requests }) => sum + requests, 0),
            own.requests,
          )
          assert.deepStrictEqual(
            hourly.map(({ hour }) => hour),
            hourly
              .map(({ hour }) => hour)
              .toSorted()
              .toReversed(),
          )

          const { value: daily } = yield* usage.daily({})
          assert.deepStrictEqual(
            [...new Set(daily.map(({ day }) => day))],
            ["2026-03-03", "2026-03-02", "2026-03-01"],
          )
          const pool = daily.find((one) => one.day === "2026-03-02" && one.pool === "primary")
          assert.strictEqual(pool?.backends, 3)
          assert.strictEqual(
            daily.reduce((sum, { requests }) => sum + requests, 0),
            total.value.requests,
          )

          for (const { member, ...used } of (yield* usage.members({})).value) {
            assert.deepInclude(used, sums(records.filter((one) => one.member === member)))
          }
          const { value: tasks } = yield* usage.tasks({ task: "TE-1", limit: 1_000 })
          const ofTask = records.filter(({ task }) => task === "TE-1")
          assert.strictEqual(
            tasks.reduce((sum, { requests }) => sum + requests, 0),
            ofTask.length,
          )
          assert.lengthOf((yield* usage.tasks({ limit: 2 })).value, 2)
        }),
      )
    }),
  )

  it.live(
    "what is read of usage is nothing when nothing was metered, and unavailable before there are tables",
    () =>
      Effect.gen(function* () {
        const place = yield* freshSchema
        const total = Effect.flatMap(UsageReads, (usage) => usage.total({ since: HOUR }))
        assert.strictEqual((yield* Effect.flip(reads(place, total)))._tag, "ReadModelUnavailable")
        yield* Effect.scoped(storeIn(place).lead(usageModel))
        const { value } = yield* reads(place, total)
        assert.deepInclude(value, { requests: 0, cost_usd: 0, latency_ms: null })
      }),
  )

  it.live("what is read of usage has the newest cooldowns, of all backends or of one", () =>
    Effect.gen(function* () {
      const place = yield* freshSchema
      const log = new CrewLog()
      const ids = ["bkd_000000000001", "bkd_000000000002"]
      for (const id of ids) log.give(UsualBackend, id, RegisterBackend.make({ ...registration, id }))
      for (const second of [1, 100, 1_000]) for (const id of ids) log.give(UsualBackend, id, limited(second))
      yield* projectTo(place, log.service, log.records.length)
      yield* reads(
        place,
        Effect.gen(function* () {
          const { cooldowns } = yield* UsageReads
          const { seq, value } = yield* cooldowns({ limit: 50 })
          assert.strictEqual(seq, log.records.length)
          assert.deepStrictEqual(
            value.map(({ backend, since }) => [backend, since]),
            [1_000, 100, 1].flatMap((second) => [
              [ids[1], at(second)],
              [ids[0], at(second)],
            ]),
          )
          assert.deepInclude(value[0], { model: null, reason: "rate_limit", until: at(1_120) })
          const own = yield* cooldowns({ backend: ids[0], limit: 2 })
          assert.deepStrictEqual(
            own.value.map(({ backend, since }) => [backend, since]),
            [
              [ids[0], at(1_000)],
              [ids[0], at(100)],
            ],
          )
        }),
      )
    }),
  )
})
