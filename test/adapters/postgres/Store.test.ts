import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Redacted, Scope } from "effect"
import type { Client } from "../../../src/adapters/postgres/client.ts"
import { storeIn } from "../../../src/adapters/postgres/Store.ts"
import { crewModel } from "../../../src/projections/CrewModel.ts"
import { owed, owes } from "../../../src/projections/Owed.ts"
import type { Checkpoint, Model, Transaction } from "../../../src/projections/Store.ts"
import { Writes } from "../../../src/projections/Writes.ts"
import { randomCrew } from "../../projections/crews.ts"
import { tablesOf } from "../../projections/Tables.ts"
import { startPostgres } from "../../support/servers.ts"
import { dump } from "./dump.ts"
import { clientOf, freshSchema, projectTo, until } from "./schemas.ts"

const model: Model = { name: "crew", tables: [owed], version: "1" }
const other: Model = { name: "signals", tables: [{ ...owed, name: "last_seen" }], version: "1" }
const at = (seq: number): Checkpoint => ({ seq, hash: `hash ${seq}`, log: "log" })

const writing = (from: number, ...ids: ReadonlyArray<string>): Transaction => {
  const writes = new Writes()
  for (const id of ids) writes.add(owes({ kind: "test", id, due: "2026-03-01T12:00:00.000Z", seq: 1 }))
  return { from, to: at(from + 1), writes: writes.tables }
}

const idsIn = (sql: Client) =>
  Effect.promise(() => sql<Array<{ id: string }>>`select id from owed order by id`).pipe(
    Effect.map((rows) => rows.map(({ id }) => id)),
  )

describe("the tables in PostgreSQL", () => {
  for (const size of [1, 7, 1_000]) {
    it.live(`the tables in PostgreSQL are what the writes of batches of ${size} mean`, () =>
      Effect.gen(function* () {
        const log = randomCrew("tables")
        const place = yield* freshSchema
        yield* projectTo(place, log.service, log.records.length, size)
        assert.deepStrictEqual(yield* dump(yield* clientOf(place)), tablesOf(log).all)
      }),
    )
  }

  const nasty = [
    '{"a","b"}',
    "back\\slash",
    '"',
    "line\nbreak\ttab",
    "NULL",
    "",
    "ü€😀",
    "'; drop table x; --",
  ]
  for (const [what, ids] of Object.entries({
    "that has everything in it": nasty,
    "that has what stands between texts": [...nasty, "a\u{1e}b", "\u{1e}"],
    "that is what stands for none": [...nasty, "\u{1d}"],
    "that is empty, all alone": [""],
  })) {
    it.live(`the tables in PostgreSQL take text ${what}`, () =>
      Effect.gen(function* () {
        const place = yield* freshSchema
        const term = yield* storeIn(place).lead(model)
        yield* term.commit(writing(0, ...ids))
        assert.deepStrictEqual(yield* idsIn(yield* clientOf(place)), ids.toSorted())
      }),
    )
  }
})

describe("a term", () => {
  it.live("a term begins where the last one ended", () =>
    Effect.gen(function* () {
      const place = yield* freshSchema
      const store = storeIn(place)
      yield* Effect.scoped(Effect.flatMap(store.lead(model), (term) => term.commit(writing(0, "a"))))
      const { start } = yield* store.lead(model)
      assert.deepStrictEqual(start, at(1))
    }),
  )

  it.live("a term writes nothing when the checkpoint is not where it should be", () =>
    Effect.gen(function* () {
      const place = yield* freshSchema
      const term = yield* storeIn(place).lead(model)
      const error = yield* Effect.flip(term.commit(writing(7, "a")))
      assert.strictEqual(error._tag, "TermEnded")
      assert.deepStrictEqual(yield* idsIn(yield* clientOf(place)), [])
    }),
  )

  it.live("a term writes nothing once another has taken over", () =>
    Effect.gen(function* () {
      const place = yield* freshSchema
      const store = storeIn(place)
      const first = yield* store.lead(model)
      const sql = yield* clientOf(place)
      yield* Effect.promise(() => sql`update checkpoint set epoch = epoch + 1`)
      const error = yield* Effect.flip(first.commit(writing(0, "a")))
      assert.strictEqual(error._tag, "TermEnded")
      assert.deepStrictEqual(yield* idsIn(sql), [])
    }),
  )

  it.live("a term says what the database will never take, and goes on", () =>
    Effect.gen(function* () {
      const place = yield* freshSchema
      const term = yield* storeIn(place).lead(model)
      const error = yield* Effect.flip(term.commit(writing(0, "fine", "nul\0")))
      assert.strictEqual(error._tag, "RowsRefused")
      yield* term.commit(writing(0, "fine"))
      assert.deepStrictEqual(yield* idsIn(yield* clientOf(place)), ["fine"])
    }),
  )

  it.live("a term is one at a time, and the next begins when its connection is gone", () =>
    Effect.gen(function* () {
      const place = yield* freshSchema
      const store = storeIn(place)
      const first = yield* store.lead(model)
      const second = yield* Effect.forkChild(store.lead(model))
      yield* first.commit(writing(0, "a"))
      assert.isUndefined(second.pollUnsafe())
      const sql = yield* clientOf(place)
      yield* Effect.promise(
        () => sql`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'crewlog crew'
          and pid in (select pid from pg_locks where locktype = 'advisory')`,
      )
      const before = performance.now()
      const { start } = yield* Fiber.join(second)
      assert.isBelow(performance.now() - before, 2_000)
      assert.deepStrictEqual(start, at(1))
      assert.strictEqual((yield* Effect.flip(first.ended))._tag, "TermEnded")
      assert.strictEqual((yield* Effect.flip(first.commit(writing(1, "b"))))._tag, "TermEnded")
    }),
  )

  it.live("of two models at once", () =>
    Effect.gen(function* () {
      const store = storeIn(yield* freshSchema)
      const terms = yield* Effect.all([store.lead(model), store.lead(other)], { concurrency: 2 })
      assert.lengthOf(terms, 2)
    }),
  )

  it.live(
    "a term makes the tables anew when the program writes other ones, and leaves those of other models",
    () =>
      Effect.gen(function* () {
        const place = yield* freshSchema
        const store = storeIn(place)
        const before = yield* Scope.make()
        const [term, signals] = yield* Effect.all([store.lead(model), store.lead(other)]).pipe(
          Scope.provide(before),
        )
        yield* term.commit(writing(0, "a"))
        yield* signals.commit({ from: 0, to: at(5), writes: [] })
        yield* Scope.close(before, Exit.void)

        const { start } = yield* store.lead({ ...model, version: "2" })
        assert.deepStrictEqual(start, { seq: 0, hash: "", log: "" })
        assert.deepStrictEqual(yield* idsIn(yield* clientOf(place)), [])
        assert.deepStrictEqual((yield* store.lead(other)).start, at(5))
      }),
  )

  it.live("of a frozen process ends when others wait", () =>
    Effect.gen(function* () {
      const place = yield* freshSchema
      // Holds the lock as a leader would, and then asks nothing any more.
      const frozen = yield* clientOf(place)
      yield* Effect.promise(
        () => frozen`select pg_advisory_lock(hashtext('crewlog crewlog'), hashtext('crew'))`,
      )
      const { start } = yield* storeIn(place).lead(model)
      assert.strictEqual(start.seq, 0)
    }),
  )

  it.live("a term ends with PostgreSQL, and the next one begins after it with what was committed", () =>
    Effect.gen(function* () {
      const postgres = yield* startPostgres()
      const place = { url: Redacted.make(postgres.url), schema: "crewlog" }
      const store = storeIn(place)
      const scope = yield* Scope.make()
      const first = yield* Scope.provide(store.lead(model), scope)
      yield* first.commit(writing(0, "a"))
      yield* postgres.stop
      assert.strictEqual((yield* Effect.flip(first.ended))._tag, "TermEnded")
      const second = yield* Effect.forkChild(store.lead(model))
      yield* postgres.start
      assert.deepStrictEqual((yield* Fiber.join(second)).start, at(1))
      yield* Scope.close(scope, Exit.void)
    }),
  )
})

describe("the crew model", () => {
  it.live("the crew model is made with its checkpoint at 0 and a feed that nothing is missing from", () =>
    Effect.gen(function* () {
      const place = yield* freshSchema
      const term = yield* storeIn(place).lead(crewModel)
      assert.deepStrictEqual(term.start, { seq: 0, hash: "", log: "" })
      assert.strictEqual(yield* term.clock, "1970-01-01T00:00:00.000Z")
      const sql = yield* clientOf(place)
      yield* until(
        Effect.promise(() => sql<Array<{ count: number }>>`select count(*) as count from feed`),
        ([row]) => row?.count === 1,
      )
    }),
  )
})
