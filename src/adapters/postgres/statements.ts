import type { ColumnType, Row, Table } from "../../projections/Table.ts"

export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`

/** A statement with parameters, or a part of one: `text` is told the number of its first parameter. */
export interface Part {
  readonly text: (first: number) => string
  readonly parameters: ReadonlyArray<string>
}

/** Many rows in one go, one array for each column. `condition` may refer to other parts of the statement. */
export const putAll = (table: Table, rows: ReadonlyArray<Row>, condition: string): Part => {
  const names = Object.keys(table.columns)
  return {
    parameters: names.map((name) => arrayOf(rows, name, typeOf(table, name))),
    text: (first) =>
      `insert into ${quoted(table.name)} (${list(names)}) select ${valuesOf(table, names)}
      from ${rowsFrom(table, names, first)} where ${condition} ${conflictOf(table, names)}`,
  }
}

/** The rows with these keys. */
export const removeAll = (table: Table, keys: ReadonlyArray<Row>, condition: string): Part => ({
  parameters: table.key.map((name) => arrayOf(keys, name, typeOf(table, name))),
  text: (first) =>
    `delete from ${quoted(table.name)} t using ${rowsFrom(table, table.key, first)}
    where ${table.key.map((name) => `t.${quoted(name)} = u.${quoted(name)}`).join(" and ")} and ${condition}`,
})

/** One array as the parameter of `any($1)`. */
export const textArray = (values: ReadonlyArray<string>): string => `{${values.map(textOf).join(",")}}`

const list = (names: ReadonlyArray<string>) => names.map(quoted).join(", ")

const typeOf = (table: Table, name: string): ColumnType => table.columns[name]?.type ?? "text"

const isJson = (type: ColumnType) => type === "json" || type === "jsonb"

const conflictOf = (table: Table, names: ReadonlyArray<string>) => {
  if (table.appendOnly) return ""
  const changing = names.filter((name) => !table.key.includes(name))
  const changes = changing.map((name) => `${quoted(name)} = excluded.${quoted(name)}`)
  return `on conflict (${list(table.key)}) do update set ${changes.join(", ")}`
}

const valuesOf = (table: Table, names: ReadonlyArray<string>) =>
  names.map((name) => `u.${quoted(name)}${typeOf(table, name) === "jsonb" ? "::jsonb" : ""}`).join(", ")

/** JSON comes as one document, everything else as PostgreSQL's arrays. */
const rowsFrom = (table: Table, names: ReadonlyArray<string>, first: number) => {
  const columns = names.map((name, index) => {
    const type = typeOf(table, name)
    const parameter = `$${first + index}`
    return isJson(type) ? `json_array_elements(${parameter}::text::json)` : `unnest(${parameter}::${type}[])`
  })
  return `rows from (${columns.join(", ")}) as u(${list(names)})`
}

const arrayOf = (rows: ReadonlyArray<Row>, name: string, type: ColumnType): string => {
  const values = rows.map((row) => {
    const value = row[name]
    if (value === undefined) throw new Error(`a row without ${name}: ${JSON.stringify(row)}`)
    return value
  })
  if (isJson(type)) return JSON.stringify(values)
  return `{${values.map((value) => (typeof value === "string" ? textOf(value) : value === null ? "NULL" : String(value))).join(",")}}`
}

const ESCAPED = /["\\]/g

const textOf = (text: string): string => `"${text.replace(ESCAPED, "\\$&")}"`
