import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted, type Scope } from "effect"
import { createHash } from "node:crypto"
import type { SchemaAt } from "../../../src/adapters/postgres/client.ts"
import { tableHash } from "../../../src/adapters/postgres/tableHash.ts"
import { crewModel } from "../../../src/projections/CrewModel.ts"
import { dump } from "../../adapters/postgres/dump.ts"
import { clientOf } from "../../adapters/postgres/schemas.ts"
import { CrewLog } from "../../projections/CrewLog.ts"
import { randomCrew } from "../../projections/crews.ts"
import { tablesOf } from "../../projections/Tables.ts"
import { deployed } from "../board.ts"
import { crewlog } from "../crewlog.ts"

const SEED = "time travel"
const POSITIONS = 20

const test = <E>(title: string, effect: Effect.Effect<void, E, Scope.Scope>, timeout = 20_000) =>
  it.live(title, () => Effect.scoped(effect), timeout)

/** The log up to a position. */
const upTo = (log: CrewLog, seq: number): CrewLog => {
  const earlier = new CrewLog(log.epoch)
  for (const recorded of log.records.slice(0, seq)) earlier.push(recorded)
  return earlier
}

/** Positions by chance, the same for the same seed; the first and the last ones among them. */
const somewhere = (last: number): ReadonlyArray<number> => {
  const drawn = new Set([0, 1, last])
  for (let draw = 0; drawn.size < Math.min(POSITIONS, last); draw += 1)
    drawn.add(createHash("sha256").update(`${SEED} ${draw}`).digest().readUInt32BE(0) % (last + 1))
  return [...drawn]
}

const busy = Effect.gen(function* () {
  const log = randomCrew(SEED, randomCrew("and more"))
  const there = yield* deployed(log.records)
  const place = (schema: string): SchemaAt => ({ url: Redacted.make(there.url), schema })
  return { ...there, log, place }
})

interface Answer {
  readonly seq: number
  readonly tables: ReadonlyArray<{ readonly table: string; readonly rows: number; readonly hash: string }>
  readonly live: ReadonlyArray<{ readonly same: boolean }> | null
}
const parsed = (out: string) => JSON.parse(out) as Answer

const replayTo = (seq: number, schema: string, ...more: ReadonlyArray<string>) =>
  ["log", "replay", "--to", String(seq), "--schema", schema, "--json", ...more] as const

describe("crewlog log replay", () => {
  test(
    "crewlog log replay makes the very tables that a fold in memory makes, at 20 positions of a busy log",
    Effect.gen(function* () {
      const { env, log, place } = yield* busy
      const positions = somewhere(log.records.length)
      assert.lengthOf(positions, POSITIONS)
      for (const seq of positions) {
        const { code, err, out } = yield* crewlog(replayTo(seq, `at_${seq}`), env)
        assert.deepStrictEqual([code, err], [0, ""])
        assert.strictEqual(parsed(out).seq, seq)
        const sql = yield* clientOf(place(`at_${seq}`))
        assert.deepStrictEqual(yield* dump(sql), tablesOf(upTo(log, seq)).all, `at ${seq}`)
        const [checkpoint] = yield* Effect.promise(
          () => sql<Array<{ seq: number }>>`select seq from checkpoint`,
        )
        assert.strictEqual(checkpoint?.seq, seq)
      }
    }),
    120_000,
  )

  test(
    "crewlog log replay gives hashes that can be compared, and compares them where the live tables are of that position",
    Effect.gen(function* () {
      const { env, log, place, projected } = yield* busy
      const last = log.records.length
      const without = parsed((yield* crewlog(replayTo(last, "before"), env)).out)
      assert.isNull(without.live)
      yield* projected
      const { live, tables } = parsed((yield* crewlog(replayTo(last, "after"), env)).out)
      assert.deepStrictEqual(tables, without.tables)
      assert.lengthOf(live ?? [], crewModel.tables.length)
      assert.isTrue(live?.every(({ same }) => same))
      assert.isNull(parsed((yield* crewlog(replayTo(last - 1, "earlier"), env)).out).live)

      const sql = yield* clientOf(place("crewlog"))
      for (const { hash, rows, table } of tables) {
        assert.deepStrictEqual(yield* Effect.promise(() => tableHash(sql, "crewlog", table)), { rows, hash })
      }
      yield* Effect.promise(() => sql`update member set name = name || '!'`)
      const wrong = yield* crewlog(["log", "replay", "--to", String(last), "--schema", "wrong"], env)
      assert.strictEqual(wrong.code, 1)
      assert.include(wrong.out, "It DIFFERS from the live one")
      for (const line of wrong.out.trimEnd().split("\n")) assert.isAtMost(line.length, 80)
    }),
    60_000,
  )

  test(
    "crewlog log replay never touches a schema that no replay made, and an earlier replay only when told to",
    Effect.gen(function* () {
      const { env, place } = yield* busy
      const sql = yield* clientOf(place("public"))
      yield* Effect.promise(() => sql`create schema precious`)
      yield* Effect.promise(() => sql`create table precious.thing (id int)`)
      for (const more of [[], ["--replace"]]) {
        const { code, err } = yield* crewlog(replayTo(5, "precious", ...more), env)
        assert.strictEqual(code, 1)
        assert.match(err, /^crewlog: there is a schema precious, and no replay made it\.[^\n]*\n$/)
      }
      yield* Effect.promise(() => sql`select id from precious.thing`)
      for (const name of ["crewlog", "crewlog_next", "pg_mine", "public", "Board", "a-b"]) {
        assert.strictEqual((yield* crewlog(replayTo(5, name), env)).code, 2, name)
      }
      assert.strictEqual((yield* crewlog(replayTo(5, "mine"), env)).code, 0)
      const again = yield* crewlog(replayTo(7, "mine"), env)
      assert.strictEqual(again.code, 1)
      assert.include(again.err, "--replace")
      const replaced = yield* crewlog(replayTo(7, "mine", "--replace"), env)
      assert.deepStrictEqual([replaced.code, parsed(replaced.out).seq], [0, 7])
    }),
  )

  test(
    "crewlog log replay leaves nothing behind when a record can't be projected",
    Effect.gen(function* () {
      const { records } = randomCrew(SEED)
      const broken = records.map((line) =>
        line.seq === 4
          ? { ...line, record: { ...line.record, events: [{ _tag: "TaskSung", v: 1 }] as const } }
          : line,
      )
      const { env, url } = yield* deployed(broken)
      const { code, err } = yield* crewlog(replayTo(6, "mine"), env)
      assert.strictEqual(code, 1)
      assert.include(err, "record 4 can't be projected")
      const sql = yield* clientOf({ url: Redacted.make(url), schema: "public" })
      const left = yield* Effect.promise(() => sql`select 1 from pg_namespace where nspname = 'mine'`)
      assert.lengthOf(left, 0)
      assert.strictEqual((yield* crewlog(replayTo(3, "mine"), env)).code, 0)
    }),
  )
})
