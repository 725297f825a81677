import type { PendingQuery, Row } from "postgres"
import type { Page, Seen } from "../../projections/ReadModel.ts"
import type { Client } from "./client.ts"

/** A row of a read; where nothing was found there is one that says only the position. */
export type Found<Value> = Partial<Value> & { readonly _seq: number; readonly _found: true | null }

/** A piece of SQL that stands in another. */
export type Fragment = PendingQuery<Array<Row>>

/**
 * Answers `select` together with the position that it is the state of: one statement, so one
 * snapshot, with a row for the position also where nothing is found.
 */
export const see = <Value>(sql: Client, select: Fragment, model = "crew") => sql<Array<Found<Value>>>`
  select c.seq as _seq, found.* from checkpoint c
  left join lateral (select true as _found, rows.* from (${select}) rows) found on true
  where c.name = ${model}`

/** Before the first start there is no checkpoint, and nothing to be seen. */
export const rowsOf = <Value>(found: ReadonlyArray<Found<Value>>): Seen<ReadonlyArray<Value>> => ({
  seq: found[0]?._seq ?? 0,
  value: found.flatMap(({ _found, _seq, ...row }) => (_found === null ? [] : [row as unknown as Value])),
})

export const first = <Value>({ seq, value }: Seen<ReadonlyArray<Value>>): Seen<Value | undefined> => ({
  seq,
  value: value[0],
})

/** The page that these rows make. A row more than `limit` was asked for: where it is there, there is a next page. */
export const pageOf = <Value, View, Cursor>(
  { seq, value }: Seen<ReadonlyArray<Value>>,
  limit: number,
  view: (row: Value) => View,
  cursorOf: (last: Value) => Cursor,
): Seen<Page<View, Cursor>> => {
  const rows = value.slice(0, limit)
  const last = rows.at(-1)
  const next = value.length > limit && last !== undefined ? cursorOf(last) : undefined
  return { seq, value: { rows: rows.map(view), next } }
}

export const mapSeen = <Value, Mapped>(
  { seq, value }: Seen<Value>,
  f: (value: Value) => Mapped,
): Seen<Mapped> => ({
  seq,
  value: f(value),
})

/** Conditions that must all hold. */
export const every = (sql: Client, conditions: ReadonlyArray<Fragment>): Fragment =>
  conditions.reduce((all, condition) => sql`${all} and ${condition}`, sql`true`)
