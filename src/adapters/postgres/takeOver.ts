import type { Checkpoint, Model } from "../../projections/Store.ts"
import type { Client, Queries } from "./client.ts"
import { parked, stray } from "./commit.ts"
import { addColumn, CHECKPOINT, createTable, ddlOf, ownedTables, tablesHash } from "./ddl.ts"
import { putAll, quoted } from "./statements.ts"
import { areWhole } from "./wholeTables.ts"

/** The checkpoint that a term begins at, and the number that fences off every earlier term. */
export interface TakenOver {
  readonly start: Checkpoint
  readonly epoch: number
}

interface CheckpointRow extends Checkpoint {
  readonly epoch: number
  readonly tables: string
  readonly owned: string
}

/**
 * Begins a term, in one transaction: makes the schema where there is none, makes the tables anew
 * when they are not those that this program writes or one is missing (or adds to them, if the model is kept), and
 * raises the epoch.
 */
export const takeOver = (sql: Client, schema: string, model: Model, pid: number): Promise<TakenOver> =>
  sql.begin(async (tx) => {
    const [session] = await tx<Array<{ pid: number }>>`select pg_backend_pid() as pid`
    if (session?.pid !== pid) throw new Error("the session that was elected is gone")
    // Two models may be made at once, and `if not exists` is no protection against that.
    await tx`select pg_advisory_xact_lock(hashtext('crewlog tables'), hashtext(${schema}))`
    await tx.unsafe(`create schema if not exists ${quoted(schema)}`)
    await tx.unsafe(CHECKPOINT)
    await tx.unsafe([parked, stray].flatMap(createTable).join(";"))
    const tables = tablesHash(model)
    const [known] = await tx<
      Array<CheckpointRow>
    >`select * from checkpoint where name = ${model.name} for update`
    if (known?.tables === tables && (await areWhole(tx, model))) {
      await tx`update checkpoint set epoch = epoch + 1 where name = ${model.name}`
      return { start: { seq: known.seq, hash: known.hash, log: known.log }, epoch: known.epoch + 1 }
    }
    const isKept = model.isKept === true
    if (isKept) await extendTables(tx, model)
    else await makeTables(tx, model, ownedTables(known?.owned ?? ""))
    const epoch = (known?.epoch ?? 0) + 1
    const { hash, log, seq } = isKept && known !== undefined ? known : { seq: 0, hash: "", log: "" }
    await tx`
      insert into checkpoint ${tx({ name: model.name, seq, hash, log, epoch, tables, owned: namesOf(model).join() })}
      on conflict (name) do update set seq = excluded.seq, hash = excluded.hash, log = excluded.log,
        epoch = excluded.epoch, tables = excluded.tables, owned = excluded.owned`
    return { start: { seq, hash, log }, epoch }
  })

const namesOf = (model: Model) => model.tables.map(({ name }) => name)

/** Makes the tables that are missing, and adds the columns that are missing to those that are there. Drops nothing. */
const extendTables = async (tx: Queries, { tables }: Model) => {
  for (const table of tables) {
    const columns = await tx<Array<{ name: string }>>`
      select attname as name from pg_attribute
      where attrelid = to_regclass(${quoted(table.name)}) and attnum > 0 and not attisdropped`
    const known = new Set(columns.map(({ name }) => name))
    const statements =
      known.size === 0
        ? createTable(table)
        : Object.keys(table.columns)
            .filter((name) => !known.has(name))
            .map((name) => addColumn(table, name))
    if (statements.length > 0) await tx.unsafe(statements.join(";"))
  }
}

const makeTables = async (tx: Queries, model: Model, owned: ReadonlyArray<string>) => {
  const gone = new Set([...owned, ...namesOf(model)])
  await tx.unsafe([...gone].map((name) => `drop table if exists ${quoted(name)}`).join(";"))
  await tx.unsafe(ddlOf(model).join(";"))
  await tx`delete from parked where model = ${model.name}`
  await tx`delete from stray where model = ${model.name}`
  for (const table of model.tables) {
    if (table.seed === undefined) continue
    const { parameters, text } = putAll(table, table.seed, "true")
    await tx.unsafe(text(1), [...parameters])
  }
}
