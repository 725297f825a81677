import { Effect, Layer } from "effect"
import { type Aside, type Asides, SetAside } from "../../projections/SetAside.ts"
import { BEHIND, NEWER } from "../../projections/sift.ts"
import type { Client } from "./client.ts"
import { Database } from "./Database.ts"

const FIRST = 10

interface Row extends Aside {
  readonly count: number
}

const parked = (sql: Client) => sql<Array<Row>>`
  select seq, type || '.' || id as name, error as why, count(*) over ()::int as count
  from parked where model = 'crew' order by seq limit ${FIRST}`

const strays = (sql: Client) => sql<Array<Row>>`
  select seq, subject as name, reason as why, count(*) over ()::int as count
  from stray where model = 'crew' order by seq limit ${FIRST}`

/** An error may quote what is in the record. */
const withoutContent = (row: Row): Row =>
  row.why === BEHIND || row.why.startsWith(NEWER) ? row : { ...row, why: "can't be projected" }

const asidesOf = (rows: ReadonlyArray<Row>): Asides => ({
  count: rows[0]?.count ?? 0,
  first: rows.map(({ name, seq, why }) => ({ seq, name, why })),
})

export const layer: Layer.Layer<SetAside, never, Database> = Layer.effect(
  SetAside,
  Effect.map(Database, ({ ask }) =>
    SetAside.of({
      look: Effect.map(Effect.all([ask(parked), ask(strays)]), ([records, messages]) => ({
        parked: asidesOf(records.map(withoutContent)),
        strays: asidesOf(messages),
      })),
    }),
  ),
)
