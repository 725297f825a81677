import type { Recorded } from "../../src/domain/CommitRecord.ts"
import { Batch } from "../../src/projections/Batch.ts"
import { crewModel } from "../../src/projections/CrewModel.ts"
import type { StateTable } from "../../src/projections/StateTable.ts"
import type { Row, Table } from "../../src/projections/Table.ts"
import type { TableWrites } from "../../src/projections/Writes.ts"

/** The read model's tables in memory: what their writes mean, without a database. */
export class Tables {
  readonly #tables = new Map(crewModel.tables.map((table) => [table.name, new Map<string, Row>()]))

  constructor() {
    for (const table of crewModel.tables) this.write([{ table, puts: table.seed ?? [], removes: [] }])
  }

  write(all: ReadonlyArray<TableWrites>): void {
    for (const { puts, removes, table } of all) {
      const rows = this.#of(table)
      for (const row of removes) rows.delete(keyOf(table, row))
      for (const row of puts) {
        if (table.appendOnly && rows.has(keyOf(table, row))) throw new Error(`twice in ${table.name}`)
        rows.set(keyOf(table, row), stored(table, row))
      }
    }
  }

  /** As PostgreSQL would: every frame from before `time` but the newest of those. */
  expire(time: string | undefined): void {
    if (time === undefined) return
    const feed = this.#rows("feed")
    const mark = Math.max(
      ...[...feed.values()].filter(({ at }) => String(at) < time).map(({ seq }) => Number(seq)),
    )
    for (const [key, { seq }] of feed) if (Number(seq) < mark) feed.delete(key)
  }

  rows(name: string): ReadonlyArray<Row> {
    return [...this.#rows(name).values()]
  }

  get(table: StateTable<unknown>, ids: ReadonlyArray<string>): ReadonlyArray<Row> {
    return ids.flatMap((id): ReadonlyArray<Row> => {
      const row = this.#of(table).get(keyOf(table, { id }))
      return row === undefined ? [] : [row]
    })
  }

  /** Everything, in an order that does not depend on how it came about. */
  get all(): Readonly<Record<string, unknown>> {
    return Object.fromEntries(
      Array.from(this.#tables, ([name, rows]) => [
        name,
        [...rows].toSorted(([one], [other]) => (one < other ? -1 : 1)),
      ]),
    )
  }

  #of(table: Table): Map<string, Row> {
    return this.#rows(table.name)
  }

  #rows(name: string): Map<string, Row> {
    const rows = this.#tables.get(name)
    if (rows === undefined) throw new Error(`no table ${name}`)
    return rows
  }
}

/** The tables after a whole log, in batches of `size`; each restart forgets what was remembered. */
export const tablesOf = (
  { records }: { readonly records: ReadonlyArray<Recorded> },
  { restartEvery = Infinity, size = 1_000 }: { readonly size?: number; readonly restartEvery?: number } = {},
): Tables => {
  const tables = new Tables()
  let batch = new Batch("1970-01-01T00:00:00.000Z")
  for (let from = 0, since = 0; from < records.length; from += size, since += size) {
    if (since >= restartEvery) {
      batch = new Batch(String(tables.rows("feed").at(-1)?.["at"]))
      since = 0
    }
    const slice = records.slice(from, from + size)
    for (const [table, ids] of batch.missing(slice)) batch.remember(table, tables.get(table, ids))
    const { expired, writes } = batch.fold(slice)
    tables.write(writes.tables)
    tables.expire(expired?.before)
  }
  return tables
}

const keyOf = (table: Table, row: Row) =>
  table.key.map((name) => String(row[name]).padStart(12, "0")).join(" ")

/** The row as a database would give it back: the columns, and JSON as JSON. */
const stored = (table: Table, row: Row): Row =>
  Object.fromEntries(
    Object.keys(table.columns).map((name) => {
      if (row[name] === undefined) throw new Error(`${table.name} without ${name}`)
      return [name, JSON.parse(JSON.stringify(row[name]))]
    }),
  )
