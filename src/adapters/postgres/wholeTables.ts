import type { Model } from "../../projections/Store.ts"
import type { Queries } from "./client.ts"
import { quoted, textArray } from "./statements.ts"

/** True when every table of the model is there, with every column: somebody may have dropped one by hand. */
export const areWhole = async (sql: Queries, { tables }: Model): Promise<boolean> => {
  const columns = tables.flatMap(({ columns, name }) =>
    Object.keys(columns).map((column) => [quoted(name), column] as const),
  )
  const names = [columns.map(([table]) => table), columns.map(([, column]) => column)]
  const [found] = await sql.unsafe<Array<{ there: number }>>(
    `select count(*)::int as there
     from unnest($1::text[], $2::text[]) as wanted (in_table, name)
     join pg_attribute a on a.attrelid = to_regclass(wanted.in_table) and a.attname = wanted.name
     where a.attnum > 0 and not a.attisdropped and to_regclass('checkpoint') is not null`,
    names.map(textArray),
    { prepare: true },
  )
  return columns.length === 0 || found?.there === columns.length
}
