import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import type { SchemaAt } from "../../../src/adapters/postgres/client.ts"
import { rebuild, type RebuildOptions } from "../../../src/adapters/postgres/rebuild.ts"
import { storeIn } from "../../../src/adapters/postgres/Store.ts"
import { Projected } from "../../../src/projections/Projected.ts"
import { projector } from "../../../src/projections/Projector.ts"
import { ReadModel } from "../../../src/projections/ReadModel.ts"
import { EventLog } from "../../../src/domain/EventLog.ts"
import { crewModel } from "../../../src/projections/CrewModel.ts"
import { lastSeen, signalsModel } from "../../../src/projections/LastSeen.ts"
import { project } from "../../../src/projections/project.ts"
import { put, Writes } from "../../../src/projections/Writes.ts"
import { CrewLog } from "../../projections/CrewLog.ts"
import { crewOn, randomCrew } from "../../projections/crews.ts"
import { tablesOf } from "../../projections/Tables.ts"
import { dump } from "./dump.ts"
import { clientOf, everything, freshSchema, progressOf, projectTo } from "./schemas.ts"

const rebuilt = (place: SchemaAt, log: CrewLog, options?: RebuildOptions) =>
  rebuild(place, options).pipe(Effect.scoped, Effect.provideService(EventLog, log.service))

const schemas = (place: SchemaAt) =>
  Effect.flatMap(clientOf(place), (sql) =>
    Effect.promise(
      () => sql<Array<{ nspname: string }>>`select nspname from pg_namespace where nspname like 'crewlog%'`,
    ),
  ).pipe(Effect.map((rows) => rows.map(({ nspname }) => nspname)))

describe("a rebuild", () => {
  it.live("a rebuild gives tables that are equal, and takes their place", () =>
    Effect.gen(function* () {
      const place = yield* freshSchema
      const log = randomCrew("rebuild")
      const { length } = log.records
      yield* projectTo(place, log.service, length, 7)
      const steps: Array<readonly [number, number]> = []
      const { incomparable, seq, tables } = yield* rebuilt(place, log, {
        progress: (seq, last) => Effect.sync(() => steps.push([seq, last])),
      })
      assert.strictEqual(seq, length)
      assert.isUndefined(incomparable)
      assert.deepStrictEqual(
        tables.map(({ table }) => table),
        crewModel.tables.map(({ name }) => name),
      )
      for (const table of tables) assert.isTrue(table.same, JSON.stringify(table))
      assert.deepStrictEqual(steps.at(-1), [length, length])
      assert.deepStrictEqual(yield* dump(yield* clientOf(place)), tablesOf(log).all)
      assert.deepStrictEqual(yield* schemas(place), ["crewlog"])
    }),
  )

  it.live("a rebuild says which tables differ, and makes them right", () =>
    Effect.gen(function* () {
      const place = yield* freshSchema
      const log = randomCrew("rebuild")
      yield* projectTo(place, log.service, log.records.length)
      const sql = yield* clientOf(place)
      yield* Effect.promise(() => sql`update member set name = name || '!'`)
      const { tables } = yield* rebuilt(place, log)
      assert.deepStrictEqual(
        tables
          .filter(({ same }) => !same)
          .map(({ live, rebuilt, table }) => [table, live.rows === rebuilt.rows]),
        [["member", true]],
      )
      assert.deepStrictEqual(yield* dump(sql), tablesOf(log).all)
    }),
  )

  it.live("a rebuild ends the term of the running writer, who goes on in the new tables", () =>
    Effect.gen(function* () {
      const place = yield* freshSchema
      const log = randomCrew("rebuild")
      const { length } = log.records
      const store = storeIn(place)
      const term = yield* store.lead(crewModel)
      const progress = progressOf(log.service, term, log.epoch)
      yield* project(progress, { until: length })
      yield* rebuilt(place, log)
      randomCrew("more", log)
      const error = yield* Effect.flip(project(progress, { until: log.records.length }))
      assert.strictEqual(error._tag, "TermEnded")
      const sql = yield* clientOf(place)
      // Ends the old session, as the scope of its term would.
      yield* Effect.promise(
        () => sql`select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory'`,
      )
      yield* projectTo(place, log.service, log.records.length)
      assert.deepStrictEqual(yield* dump(sql), tablesOf(log).all)
    }),
  )

  it.live("a rebuild goes unnoticed by those who read and write meanwhile", () =>
    Effect.gen(function* () {
      const place = yield* freshSchema
      const log = randomCrew("rebuild")
      yield* Effect.gen(function* () {
        const running = yield* Effect.forkChild(projector)
        const model = yield* ReadModel
        const projected = yield* Projected
        assert.isTrue(yield* projected.reached(log.records.length, "10 seconds"))
        let reads = 0
        const reading = yield* Effect.gen(function* () {
          const { seq, value } = yield* model.tasks({}, { limit: 10 })
          assert.isAtLeast(seq, log.records.length === 0 ? 0 : 1)
          assert.isNotEmpty(value.rows)
          reads += 1
        }).pipe(Effect.andThen(Effect.yieldNow), Effect.forever, Effect.forkChild({ startImmediately: true }))
        const { tables } = yield* rebuilt(place, log)
        assert.isTrue(tables.every(({ same }) => same))
        randomCrew("more", log)
        assert.isTrue(yield* projected.reached(log.records.length, "10 seconds"))
        assert.isUndefined(reading.pollUnsafe(), "no read failed")
        assert.isAbove(reads, 10)
        yield* Fiber.interrupt(reading)
        assert.deepStrictEqual(yield* dump(yield* clientOf(place)), tablesOf(log).all)
        yield* Fiber.interrupt(running)
      }).pipe(Effect.provide(everything(place, log)))
    }),
  )

  it.live(
    "a rebuild stops at the first record that can't be projected, and leaves everything as it was",
    () =>
      Effect.gen(function* () {
        const place = yield* freshSchema
        const { create, log } = crewOn()
        create()
        create()
        create()
        yield* projectTo(place, log.service, 3)
        const [, second] = log.records
        assert.isDefined(second)
        log.records[1] = { ...second, record: { ...second.record, events: [{ _tag: "TaskSung", v: 1 }] } }
        const error = yield* Effect.flip(rebuilt(place, log))
        assert.strictEqual(error._tag, "RebuildFailed")
        assert.match(error.message, /^record 2 can't be projected/)
        const sql = yield* clientOf(place)
        const [row] = yield* Effect.promise(
          () => sql<Array<{ count: number }>>`select count(*) as count from task`,
        )
        assert.strictEqual(row?.count, 3)
      }),
  )

  it.live("a rebuild parks what a newer program wrote, with what comes behind it, and makes the rest", () =>
    Effect.gen(function* () {
      const place = yield* freshSchema
      const { create, log } = crewOn()
      const [ill] = [create(), create()]
      const subject = { type: "task", id: ill } as const
      log.push(log.next(subject, [{ _tag: "TaskPinned", v: 1 }]))
      log.push(log.next(subject, [{ _tag: "TaskTaken", v: 1, assignee_slug: "bob" }]))
      create()
      const { seq } = yield* rebuilt(place, log)
      assert.strictEqual(seq, 5)
      const sql = yield* clientOf(place)
      const rows = yield* Effect.promise(
        () => sql<Array<{ id: string; seq: number; assignee_slug: string | null }>>`
          select id, seq, assignee_slug from task order by seq`,
      )
      assert.deepStrictEqual(
        rows.map((row) => row.seq),
        [1, 2, 5],
      )
      assert.deepStrictEqual({ ...rows[0] }, { id: ill, seq: 1, assignee_slug: null })
      const parked = yield* Effect.promise(
        () => sql<Array<{ seq: number; error: string }>>`select seq, error from parked order by seq`,
      )
      assert.deepStrictEqual(
        parked.map((row) => [row.seq, row.error]),
        [
          [3, "a newer program wrote it (TaskPinned v1)"],
          [4, "waits behind an earlier record of its aggregate"],
        ],
      )
    }),
  )

  it.live("a rebuild needs force for another log", () =>
    Effect.gen(function* () {
      const place = yield* freshSchema
      const log = randomCrew("rebuild")
      yield* projectTo(place, log.service, log.records.length)
      const other = randomCrew("other", new CrewLog("2026-04-01T00:00:00.000Z"))
      assert.strictEqual((yield* Effect.flip(rebuilt(place, other)))._tag, "LogDamaged")
      const { incomparable, seq, tables } = yield* rebuilt(place, other, { force: true })
      assert.deepStrictEqual([seq, tables], [other.records.length, []])
      assert.isDefined(incomparable)
      assert.deepStrictEqual(yield* dump(yield* clientOf(place)), tablesOf(other).all)
    }),
  )

  it.live("a rebuild needs force for an older copy of its log, and goes back with it", () =>
    Effect.gen(function* () {
      const place = yield* freshSchema
      const log = randomCrew("rebuild")
      yield* projectTo(place, log.service, log.records.length)
      const copy = randomCrew("rebuild")
      copy.records.splice(5)
      assert.strictEqual((yield* Effect.flip(rebuilt(place, copy)))._tag, "LogDamaged")
      const { incomparable, seq, tables } = yield* rebuilt(place, copy, { force: true })
      assert.deepStrictEqual([seq, tables], [5, []])
      assert.strictEqual(incomparable, "there is none made from this log")
      assert.deepStrictEqual(yield* dump(yield* clientOf(place)), tablesOf(copy).all)
    }),
  )

  it.live("a rebuild makes a read model where there is none", () =>
    Effect.gen(function* () {
      const place = yield* freshSchema
      const log = randomCrew("rebuild")
      const { seq } = yield* rebuilt(place, log)
      assert.strictEqual(seq, log.records.length)
      assert.deepStrictEqual(yield* dump(yield* clientOf(place)), tablesOf(log).all)
    }),
  )

  it.live("a rebuild takes what signals said along", () =>
    Effect.gen(function* () {
      const place = yield* freshSchema
      const log = randomCrew("rebuild")
      yield* projectTo(place, log.service, log.records.length)
      const writes = new Writes()
      writes.add(put(lastSeen, { id: "bob", slug: "bob", seq: 5, at: "2026-03-01T12:00:00.000Z" }))
      const to = { seq: 5, hash: "", log: "signals" }
      yield* Effect.scoped(
        Effect.flatMap(storeIn(place).lead(signalsModel), (term) =>
          term.commit({ from: 0, to, writes: writes.tables }),
        ),
      )
      yield* rebuilt(place, log)
      const sql = yield* clientOf(place)
      const rows = yield* Effect.promise(() => sql<Array<{ id: string }>>`select id from last_seen`)
      assert.deepStrictEqual(
        rows.map(({ id }) => id),
        ["bob"],
      )
      assert.deepStrictEqual((yield* storeIn(place).lead(signalsModel)).start, to)
    }),
  )

  it.live("a rebuild is one at a time", () =>
    Effect.gen(function* () {
      const place = yield* freshSchema
      const log = randomCrew("rebuild")
      const first = yield* Effect.forkChild(
        rebuilt(place, log, { progress: () => Effect.never }).pipe(Effect.exit),
      )
      const sql = yield* clientOf(place)
      yield* Effect.promise(async () => {
        while (
          (
            await sql`select 1 from pg_locks where locktype = 'advisory' and classid = hashtext('crewlog rebuild')::oid`
          ).length === 0
        );
      })
      const error = yield* Effect.flip(rebuilt(place, log))
      assert.strictEqual(error.message, "another rebuild is running")
      yield* Fiber.interrupt(first)
    }),
  )
})
