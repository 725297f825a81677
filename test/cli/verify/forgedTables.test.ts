import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import postgres from "postgres"
import { layer as NatsEventLog } from "../../../src/adapters/nats/EventLog.ts"
import { Nats } from "../../../src/adapters/nats/Connection.ts"
import { layer as DigestLayer } from "../../../src/adapters/node/Digest.ts"
import { parked, stray } from "../../../src/adapters/postgres/commit.ts"
import type { Problem } from "../../../src/cli/verify/Problems.ts"
import { verify } from "../../../src/cli/verify/verification.ts"
import { crewModel } from "../../../src/projections/CrewModel.ts"
import type { Column, Table } from "../../../src/projections/Table.ts"
import { crewOn, randomCrew } from "../../projections/crews.ts"
import { deployed, type Deployed } from "../board.ts"

/** A value that no row has in a column of its kind. */
const forged = ({ type }: Column, name: string): string => {
  switch (type) {
    case "text":
      return `'forged'`
    case "boolean":
      return `not ${name}`
    case "timestamptz":
      return `coalesce(${name} + interval '1 year', now())`
    case "json":
    case "jsonb":
      return `'{"forged":true}'`
    default:
      return `coalesce(${name} + 1, 1)`
  }
}

const DAY = 86_400_000

const quoted = (name: string) => `"${name}"`

/** A row of a table, the same every time; the feed's own first row is none of the log's. */
const oneOf = ({ key, name }: Table): string =>
  `ctid = (select ctid from ${name} ${name === "feed" ? "where seq > 0" : ""} order by ${key.join()} desc limit 1)`

/** A copy of a row: of one with a key its id, or its position, is another's. */
const addition = (table: Table): string => {
  const columns = Object.keys(table.columns).map(quoted).join()
  const values = Object.keys(table.columns).map((name) => {
    if (table.appendOnly || name !== table.key.at(-1)) return quoted(name)
    return name === "id" ? `id || '0'` : `${quoted(name)} - 1`
  })
  return `insert into ${table.name} (${columns}) select ${values.join()} from ${table.name} where ${oneOf(table)}`
}

// The text of an error is whatever was found when the record was parked.
const isFree = (table: Table, column: string) => table === parked && column === "error"

/** Everything that is done to a table, one after the other: each of its columns changed, a row added, a row taken away. */
const forgeriesOf = (table: Table): ReadonlyArray<string> => [
  ...Object.entries(table.columns)
    .filter(([name]) => !isFree(table, name))
    .map(
      ([name, column]) =>
        `update ${table.name} set ${quoted(name)} = ${forged(column, quoted(name))} where ${oneOf(table)}`,
    ),
  addition(table),
  `delete from ${table.name} where ${oneOf(table)}`,
]

/** Tells whether a problem is of a table: states are named by their aggregate, the others by table and place. */
const isOf =
  ({ name }: Table) =>
  ({ aggregate, problem }: Problem) =>
    problem.includes(` in ${name} (`) ||
    problem.includes(` in ${name},`) ||
    (aggregate.startsWith(`${name}.`) && !/ in \w+[ ,(]{2}/.test(problem))

const verificationOf = ({ access, url }: Deployed) =>
  verify({ url: Redacted.make(url), schema: "crewlog" }).pipe(
    Effect.provide([
      NatsEventLog.pipe(Layer.provide(Nats.layer(Redacted.value(access.backend)))),
      DigestLayer,
    ]),
    Effect.map(({ verification }) => verification),
    Effect.scoped,
    Effect.orDie,
  )

const tables = [...crewModel.tables, parked, stray]

/** Changes the tables, looks at what comes of it, and puts them back as they were. */
const during = (
  sql: postgres.Sql,
  statements: ReadonlyArray<string | undefined>,
  look: Effect.Effect<void>,
) =>
  Effect.acquireUseRelease(
    Effect.promise(async () => {
      for (const { name } of tables) await sql.unsafe(`create table public.${name} as select * from ${name}`)
      for (const statement of statements) {
        if (statement === undefined) continue
        const { count } = await sql.unsafe(statement)
        assert.strictEqual(count, 1, statement)
      }
    }),
    () => look,
    () =>
      Effect.promise(async () => {
        for (const { name } of tables) {
          await sql.unsafe(`truncate ${name}; insert into ${name} select * from public.${name}`)
          await sql.unsafe(`drop table public.${name}`)
        }
      }),
  )

/** A log with a row in each table, with a record of a newer program and a message that is no record. */
const everything = Effect.gen(function* () {
  const crew = randomCrew("forged 2")
  crew.push(crew.next({ type: "page" as "task", id: "1" }, [{ _tag: "PageMade", v: 1 }]))
  const here = yield* deployed(crew.records)
  yield* Effect.promise(() => here.js.publish("crew.evt.nonsense", "nonsense"))
  yield* here.projected
  return here
})

describe("crewlog verify over forged tables", () => {
  it.live(
    "crewlog verify finds every value that was changed, every row that was added, and every row that is gone",
    () =>
      Effect.gen(function* () {
        const here = yield* everything
        const sound = yield* verificationOf(here)
        assert.deepStrictEqual([sound.problems, sound.set_aside?.count], [[], 2])
        const sql = postgres(here.url, { max: 1, onnotice: () => {}, connection: { search_path: "crewlog" } })
        yield* Effect.addFinalizer(() => Effect.promise(() => sql.end()))
        const forgeries = tables.map((table) => ({ table, statements: forgeriesOf(table) }))
        const rounds = Math.max(...forgeries.map(({ statements }) => statements.length))
        for (let round = 0; round < rounds; round += 1) {
          const look = Effect.map(verificationOf(here), ({ problems }) => {
            for (const { statements, table } of forgeries) {
              const statement = statements[round]
              const found = problems.filter(isOf(table))
              const said = `${statement}: ${JSON.stringify(problems)}`
              if (statement === undefined) assert.deepStrictEqual(found, [], table.name)
              else assert.isNotEmpty(found, said)
            }
          })
          yield* during(
            sql,
            forgeries.map(({ statements }) => statements[round]),
            look,
          )
        }
        assert.isTrue((yield* verificationOf(here)).ok)
      }).pipe(Effect.scoped),
    120_000,
  )

  it.live("crewlog verify knows which frames are too old to be kept, and misses those that are not", () =>
    Effect.gen(function* () {
      const { create, log, take } = crewOn()
      for (let week = 0; week < 3; week += 1) {
        const task = create()
        log.at += 2 * DAY
        take(task, "bob")
        log.at += 6 * DAY
      }
      take(create(), "eve")
      const here = yield* deployed(log.records)
      yield* here.projected
      const sql = postgres(here.url, { max: 1, onnotice: () => {}, connection: { search_path: "crewlog" } })
      yield* Effect.addFinalizer(() => Effect.promise(() => sql.end()))
      const [kept] = yield* Effect.promise(
        () => sql<Array<{ first: string }>>`select min(seq) as first from feed`,
      )
      assert.isAbove(Number(kept?.first), 1)
      assert.deepStrictEqual((yield* verificationOf(here)).problems, [])
      yield* Effect.promise(() => sql`delete from feed where seq = ${kept?.first ?? ""}`)
      assert.deepStrictEqual((yield* verificationOf(here)).problems, [
        {
          seq: Number(kept?.first),
          aggregate: "",
          problem: "the feed has to begin with the frames of this record, and those are gone",
        },
      ])
    }).pipe(Effect.scoped),
  )
})
