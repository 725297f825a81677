import { Effect } from "effect"
import type { Client } from "../../../src/adapters/postgres/client.ts"
import { crewModel } from "../../../src/projections/CrewModel.ts"
import type { Row } from "../../../src/projections/Table.ts"

/** Everything in the tables of the crew model, as `Tables.all` says it. */
export const dump = Effect.fnUntraced(function* (sql: Client) {
  const tables: Record<string, unknown> = {}
  for (const { columns, key, name } of crewModel.tables) {
    const rows = yield* Effect.promise(
      () => sql<Array<Row>>`select ${sql(Object.keys(columns))} from ${sql(name)}`,
    )
    const keyOf = (row: Row) => key.map((column) => String(row[column]).padStart(12, "0")).join(" ")
    tables[name] = rows
      .map((row) => [keyOf(row), row] as const)
      .toSorted(([one], [other]) => (one < other ? -1 : 1))
  }
  return tables
})
