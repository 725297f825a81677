import { Effect, type Scope } from "effect"
import { type Client, connect, type SchemaAt, reasonOf } from "../../adapters/postgres/client.ts"
import { parked, stray } from "../../adapters/postgres/commit.ts"
import { tablesHash } from "../../adapters/postgres/ddl.ts"
import { quoted } from "../../adapters/postgres/statements.ts"
import { crewModel } from "../../projections/CrewModel.ts"
import { ReadModelUnavailable } from "../../projections/ReadModel.ts"
import type { Checkpoint } from "../../projections/Store.ts"
import type { Row, Table } from "../../projections/Table.ts"
import { rowsInOrder, type RowsInOrder } from "./RowsInOrder.ts"

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
  /** The rows of a table. None where the tables are not ours. */
  readonly rows: (table: Table) => RowsInOrder
}

// Some of 64 KiB each.
const AT_ONCE = 250

const ask = <Answer>(run: () => PromiseLike<Answer>) =>
  Effect.tryPromise({ try: run, catch: (error) => new ReadModelUnavailable({ reason: reasonOf(error) }) })

const copyOf = ({ name }: Table): string => quoted(`copy of ${name}`)

/** The statement that copies a table's rows, in the order of its key. Those beside the model are of all models. */
const copying = (table: Table): string => {
  const whose = crewModel.tables.includes(table) ? "" : ` where model = '${crewModel.name}'`
  return `declare ${copyOf(table)} cursor with hold for
    select * from ${quoted(table.name)}${whose} order by ${table.key.map(quoted).join(", ")}`
}

const looked = Effect.fnUntraced(function* (sql: Client) {
  const [found] = yield* ask(
    () => sql<Array<{ there: boolean }>>`select to_regclass('checkpoint') is not null as there`,
  )
  if (found?.there !== true) return undefined
  const [checkpoint] = yield* ask(
    () => sql<Array<Checkpoint & { tables: string }>>`
      select seq, hash, log, tables from checkpoint where name = ${crewModel.name}`,
  )
  return checkpoint
})

/**
 * Copies the read model as it is at one moment to temporary files of PostgreSQL, which go with the scope. A
 * transaction that stayed open while the log is read would keep every old version of every row instead.
 */
export const tablesNow = Effect.fn("tablesNow")(function* (
  place: SchemaAt,
): Effect.fn.Return<TablesNow, ReadModelUnavailable, Scope.Scope> {
  const sql = yield* Effect.acquireRelease(
    Effect.sync(() => connect(place, { max: 1 })),
    (sql) => Effect.promise(() => sql.end({ timeout: 1 })),
  )
  yield* ask(() => sql`begin isolation level repeatable read read only`)
  const checkpoint = yield* looked(sql)
  const isOurs = checkpoint?.tables === tablesHash(crewModel)
  const waiting =
    checkpoint === undefined
      ? []
      : yield* ask(
          () => sql<Array<ParkedRecord>>`
            select seq, type, id, error from parked where model = ${crewModel.name} order by seq`,
        )
  const copied = isOurs ? [...crewModel.tables, parked, stray] : []
  for (const table of copied) yield* ask(() => sql.unsafe(copying(table)))
  yield* ask(() => sql`commit`)
  const fetch = (table: Table) => ask(() => sql.unsafe<Array<Row>>(`fetch ${AT_ONCE} from ${copyOf(table)}`))
  return {
    checkpoint,
    isOurs,
    parked: waiting,
    rows: (table) => rowsInOrder(copied.includes(table) ? fetch(table) : Effect.succeed([])),
  }
})
