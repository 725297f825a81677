import { createHash } from "node:crypto"
import type { Model } from "../../projections/Store.ts"
import type { Column, Table } from "../../projections/Table.ts"
import { quoted } from "./statements.ts"

/** Kept beside the tables of every model; not part of what is compared. */
export const CHECKPOINT = `
create table if not exists checkpoint (
  name text collate "C" primary key,
  seq bigint not null,
  hash text not null,
  log text not null,
  epoch bigint not null,
  tables text not null,
  owned text not null
) with (fillfactor = 50)`

/** Statements that make a model's tables, seeds apart. */
export const ddlOf = ({ tables }: Model): ReadonlyArray<string> => tables.flatMap(createTable)

/** Tells the tables of one program from those of another: description, and what is written into them. */
export const tablesHash = (model: Model): string =>
  createHash("sha256")
    .update(JSON.stringify([model.version, ddlOf(model), model.tables.map(({ seed }) => seed ?? [])]))
    .digest("hex")

/** Statements that make one table and its indices. */
export const createTable = (table: Table): ReadonlyArray<string> => {
  const columns = Object.entries(table.columns).map(([name, column]) => `${quoted(name)} ${typeOf(column)}`)
  const key = `primary key (${table.key.map(quoted).join(", ")})`
  // Rows that change leave room on their page for their next version. What is only appended needs no
  // index for its key: the checkpoint sees to it that nothing is written twice.
  const [all, storage] = table.appendOnly ? [columns, ""] : [[...columns, key], " with (fillfactor = 75)"]
  return [
    `create table if not exists ${quoted(table.name)} (${all.join(", ")})${storage}`,
    ...table.indices.map((index) => `create index on ${quoted(table.name)} ${index}`),
  ]
}

/** Adds a column to a table with rows: they have null in it, or 0. */
export const addColumn = ({ columns, name: table }: Table, name: string): string => {
  const column = columns[name]
  if (column === undefined || !(column.nullable || NUMBERS.has(column.type))) {
    throw new Error(`${table}.${name} can't be added: it is neither nullable nor a number`)
  }
  const byDefault = column.nullable ? "" : " default 0"
  return `alter table ${quoted(table)} add column ${quoted(name)} ${typeOf(column)}${byDefault}`
}

const NUMBERS: ReadonlySet<string> = new Set(["smallint", "integer", "bigint", "double precision"])

/** Text sorts by code point, on every server alike. */
const typeOf = ({ nullable, type }: Column): string =>
  `${type}${type === "text" ? ' collate "C"' : ""}${nullable ? "" : " not null"}`

/** The tables that a checkpoint says are its model's; a model that is only a lock has none. */
export const ownedTables = (owned: string): ReadonlyArray<string> => (owned === "" ? [] : owned.split(","))
