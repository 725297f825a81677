import { Effect, Option, type Scope, Stream } from "effect"
import { type Client, connect, type SchemaAt, reasonOf } from "../../adapters/postgres/client.ts"
import { tablesHash } from "../../adapters/postgres/ddl.ts"
import { crewModel } from "../../projections/CrewModel.ts"
import { ReadModelUnavailable } from "../../projections/ReadModel.ts"
import type { Checkpoint } from "../../projections/Store.ts"
import type { Row, Table } from "../../projections/Table.ts"

export interface ParkedRecord {
  readonly seq: number
  readonly type: string
  readonly id: string
  readonly error: string
}

/** The read model as of one moment, whatever is projected meanwhile. */
export interface TablesNow {
  /** The checkpoint of the tables; undefined before the first start of a server. */
  readonly checkpoint: Checkpoint | undefined
  /** True when the tables are those that this version of the program makes. */
  readonly isOurs: boolean
  readonly parked: ReadonlyArray<ParkedRecord>
  /** The rows of a table, by id. */
  readonly rows: (table: Table) => Stream.Stream<Row, ReadModelUnavailable>
  /** Fails when the connection was lost or the tables were replaced since: what was read then isn't of one moment. */
  readonly held: Effect.Effect<void, ReadModelUnavailable>
}

const AT_ONCE = 1_000

const ask = <Answer>(run: () => PromiseLike<Answer>) =>
  Effect.tryPromise({ try: run, catch: (error) => new ReadModelUnavailable({ reason: reasonOf(error) }) })

const rowsOf = (sql: Client, table: Table) =>
  Stream.paginate("", (after) =>
    Effect.map(
      ask(
        () =>
          sql<Array<Row>>`select * from ${sql(table.name)} where id > ${after} order by id limit ${AT_ONCE}`,
      ),
      (rows) =>
        [rows, rows.length < AT_ONCE ? Option.none() : Option.some(String(rows.at(-1)?.["id"]))] as const,
    ),
  )

/** Looks at the read model; the scope ends the look, and PostgreSQL keeps what is seen until then. */
export const tablesNow = Effect.fn("tablesNow")(function* (
  place: SchemaAt,
): Effect.fn.Return<TablesNow, ReadModelUnavailable, Scope.Scope> {
  const sql = yield* Effect.acquireRelease(
    Effect.sync(() => connect(place, { max: 1 })),
    (sql) => Effect.promise(() => sql.end({ timeout: 1 })),
  )
  yield* ask(() => sql`begin isolation level repeatable read read only`)
  const look = ask(
    () =>
      sql<
        Array<{ what: string }>
      >`select pg_backend_pid() || ' ' || coalesce(to_regclass('checkpoint')::oid, 0) as what`,
  )
  const [before] = yield* look
  const [found] = yield* ask(
    () => sql<Array<{ there: boolean }>>`select to_regclass('checkpoint') is not null as there`,
  )
  const [checkpoint] =
    found?.there === true
      ? yield* ask(
          () => sql<Array<Checkpoint & { tables: string }>>`
            select seq, hash, log, tables from checkpoint where name = ${crewModel.name}`,
        )
      : []
  return {
    checkpoint,
    isOurs: checkpoint?.tables === tablesHash(crewModel),
    parked:
      checkpoint === undefined
        ? []
        : yield* ask(
            () => sql<Array<ParkedRecord>>`
              select seq, type, id, error from parked where model = ${crewModel.name} order by seq`,
          ),
    rows: (table) => rowsOf(sql, table),
    held: look.pipe(
      Effect.filterOrFail(
        ([now]) => now?.what === before?.what,
        () => new ReadModelUnavailable({ reason: "the connection was lost, or a rebuild ended. Try again" }),
      ),
      Effect.asVoid,
    ),
  }
})
