import type { Queries } from "./client.ts"
import { quoted } from "./statements.ts"

/** The content of a table, whatever the order of its rows: their number, and a sum over the digests of their text. */
export interface TableHash {
  readonly rows: number
  readonly hash: string
}

/** Read in one pass on the server; equal for equal tables on any two servers. */
export const tableHash = async (sql: Queries, schema: string, table: string): Promise<TableHash> => {
  const [found] = await sql.unsafe<Array<TableHash>>(
    `select count(*) as rows, coalesce(sum(('x' || left(md5(t::text), 16))::bit(64)::bigint::numeric), 0)::text as hash
     from ${quoted(schema)}.${quoted(table)} t`,
  )
  if (found === undefined) throw new Error(`no answer about ${table}`)
  return found
}
