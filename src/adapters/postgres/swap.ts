import { crewModel } from "../../projections/CrewModel.ts"
import type { Checkpoint } from "../../projections/Store.ts"
import type { Queries } from "./client.ts"
import { ownedTables, tablesHash } from "./ddl.ts"
import { quoted } from "./statements.ts"
import { type TableHash, tableHash } from "./tableHash.ts"

/** A live table beside the one that was made anew. */
export interface Comparison {
  readonly table: string
  readonly live: TableHash
  readonly rebuilt: TableHash
  readonly same: boolean
}

interface CheckpointRow extends Checkpoint {
  readonly name: string
  readonly epoch: number
  readonly tables: string
  readonly owned: string
}

export interface Live extends Checkpoint {
  /** The reason why its tables can't be compared with new ones, if there is one. */
  readonly incomparable: string | undefined
}

/** The read model that is served, if there is one. `lock` stops its writer until the transaction ends. */
export const readLive = async (sql: Queries, schema: string, lock: boolean): Promise<Live | undefined> => {
  const [there] = await sql<Array<{ there: boolean }>>`
    select to_regclass(${`${quoted(schema)}.checkpoint`}) is not null as there`
  if (there?.there !== true) return undefined
  const checkpoints = await sql<Array<CheckpointRow>>`
    select * from ${sql(`${schema}.checkpoint`)} order by name ${lock ? sql`for update` : sql``}`
  const crew = checkpoints.find(({ name }) => name === crewModel.name)
  if (crew === undefined) return undefined
  const [parked] = await sql<Array<{ count: number }>>`
    select count(*) as count from ${sql(`${schema}.parked`)} where model = ${crewModel.name}`
  return { ...crew, incomparable: whyNot(crew, parked?.count ?? 0) }
}

const whyNot = ({ tables }: CheckpointRow, parked: number) => {
  if (tables !== tablesHash(crewModel)) return "another version of Crewlog made the live tables"
  return parked === 0
    ? undefined
    : `${parked} records are parked, so their rows are missing from the live tables`
}

/** Table by table, as of the same position. */
export const compare = async (
  sql: Queries,
  live: string,
  next: string,
): Promise<ReadonlyArray<Comparison>> => {
  const compared: Array<Comparison> = []
  for (const { name } of crewModel.tables) {
    const one = await tableHash(sql, live, name)
    const other = await tableHash(sql, next, name)
    const same = one.rows === other.rows && one.hash === other.hash
    compared.push({ table: name, live: one, rebuilt: other, same })
  }
  return compared
}

/**
 * Puts `next` in the place of `live`, which becomes `old`. Other models' tables move over as they
 * are. Writers notice by the epoch: that of `live` is raised, so that one who waits for its row
 * does not write half here and half there; that of `next` is higher still.
 */
export const swap = async (sql: Queries, live: string, next: string, old: string): Promise<void> => {
  await sql.unsafe(`create schema if not exists ${quoted(live)}`)
  if (await readLive(sql, live, true)) {
    const others = await sql<Array<CheckpointRow>>`
      select * from ${sql(`${live}.checkpoint`)} where name <> ${crewModel.name}`
    for (const { name, owned } of others) {
      for (const table of ownedTables(owned)) {
        await sql.unsafe(`alter table ${quoted(live)}.${quoted(table)} set schema ${quoted(next)}`)
      }
      await sql`insert into ${sql(`${next}.checkpoint`)} select * from ${sql(`${live}.checkpoint`)} where name = ${name}`
    }
    await sql`update ${sql(`${live}.checkpoint`)} set epoch = epoch + 1`
    await sql`
      update ${sql(`${next}.checkpoint`)} n set epoch = greatest(n.epoch, l.epoch) + 1
      from ${sql(`${live}.checkpoint`)} l where l.name = n.name`
  }
  await sql.unsafe(`alter schema ${quoted(live)} rename to ${quoted(old)}`)
  await sql.unsafe(`alter schema ${quoted(next)} rename to ${quoted(live)}`)
}
