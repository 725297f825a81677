import type { PendingQuery, Row } from "postgres"
import type { Page, Seen } from "../../projections/ReadModel.ts"
import type { Client } from "./client.ts"

/** A row of a read; where nothing was found there is one that says only the position. */
export type Found<A> = Partial<A> & { readonly _seq: number; readonly _found: true | null }

/** A piece of SQL that stands in another. */
export type Fragment = PendingQuery<Array<Row>>

/**
 * Answers `select` together with the position that it is the state of: one statement, so one
 * snapshot, with a row for the position also where nothing is found.
 */
export const see = <A>(sql: Client, select: Fragment, model = "crew") => sql<Array<Found<A>>>`
  select c.seq as _seq, found.* from checkpoint c
  left join lateral (select true as _found, rows.* from (${select}) rows) found on true
  where c.name = ${model}`

/** Before the first start there is no checkpoint, and nothing to be seen. */
export const rowsOf = <A>(found: ReadonlyArray<Found<A>>): Seen<ReadonlyArray<A>> => ({
  seq: found[0]?._seq ?? 0,
  value: found.flatMap(({ _found, _seq, ...row }) => (_found === null ? [] : [row as unknown as A])),
})

export const first = <A>({ seq, value }: Seen<ReadonlyArray<A>>): Seen<A | undefined> => ({
  seq,
  value: value[0],
})

/** The page that these rows make. A row more than `limit` was asked for: where it is there, there is a next page. */
export const pageOf = <A, View, Cursor>(
  { seq, value }: Seen<ReadonlyArray<A>>,
  limit: number,
  view: (row: A) => View,
  cursorOf: (last: A) => Cursor,
): Seen<Page<View, Cursor>> => {
  const rows = value.slice(0, limit)
  const last = rows.at(-1)
  const next = value.length > limit && last !== undefined ? cursorOf(last) : undefined
  return { seq, value: { rows: rows.map(view), next } }
}

export const mapSeen = <A, B>({ seq, value }: Seen<A>, f: (value: A) => B): Seen<B> => ({
  seq,
  value: f(value),
})

/** Conditions that must all hold. */
export const every = (sql: Client, conditions: ReadonlyArray<Fragment>): Fragment =>
  conditions.reduce((all, condition) => sql`${all} and ${condition}`, sql`true`)
