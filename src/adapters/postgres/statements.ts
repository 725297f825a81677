import type { ColumnType, Row, Table } from "../../projections/Table.ts"

export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`

/** A statement with parameters, or a part of one: `text` is told the number of its first parameter. */
export interface Part {
  /** Parts of the same shape have the same text. */
  readonly shape: string
  readonly text: (first: number) => string
  readonly parameters: ReadonlyArray<string>
}

/** Many rows in one go, one parameter for each column. `condition` may refer to other parts of the statement. */
export const putAll = (table: Table, rows: ReadonlyArray<Row>, condition: string): Part => {
  const names = Object.keys(table.columns)
  const columns = names.map((name) => ({ type: typeOf(table, name), values: valuesIn(rows, name) }))
  const written = (form: (values: Values) => string) =>
    columns.map(({ type, values }) => (isJson(type) ? JSON.stringify(values) : form(values)))
  const texts = written(textOfAll)
  const isText = !texts.includes("")
  return {
    shape: `put ${numberOf(table)} ${isText} ${condition}`,
    parameters: isText ? texts : written(arrayOf),
    text: (first) =>
      `insert into ${quoted(table.name)} (${list(names)}) select ${valuesOf(table, names)}
      from ${rowsFrom(table, names, first, isText)} where ${condition} ${conflictOf(table, names)}`,
  }
}

/** The rows with these keys. */
export const removeAll = (table: Table, keys: ReadonlyArray<Row>, condition: string): Part => ({
  shape: `remove ${numberOf(table)} ${condition}`,
  parameters: table.key.map((name) => arrayOf(valuesIn(keys, name))),
  text: (first) =>
    `delete from ${quoted(table.name)} t using ${rowsFrom(table, table.key, first)}
    where ${table.key.map((name) => `t.${quoted(name)} = u.${quoted(name)}`).join(" and ")} and ${condition}`,
})

/** An array as the parameter of `any($1)`. */
export const textArray = (values: ReadonlyArray<string>): string => `{${values.map(textOf).join(",")}}`

const numbers = new WeakMap<Table, number>()
let counted = 0
/** Tells tables apart: two of one name need not have the same columns. */
const numberOf = (table: Table): number => {
  const known = numbers.get(table)
  if (known !== undefined) return known
  numbers.set(table, (counted += 1))
  return counted
}

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
  names.map((name) => `u.${quoted(name)}::${typeOf(table, name)}`).join(", ")

/** JSON comes as one document; everything else as one text that is cut apart, or as PostgreSQL's arrays. */
const rowsFrom = (table: Table, names: ReadonlyArray<string>, first: number, isText = false) => {
  const columns = names.map((name, index) => {
    const type = typeOf(table, name)
    const parameter = `$${first + index}`
    if (isJson(type)) return `json_array_elements(${parameter}::text::json)`
    return isText ? `string_to_table(${parameter}::text, ${CUT})` : `unnest(${parameter}::${type}[])`
  })
  return `rows from (${columns.join(", ")}) as u(${list(names)})`
}

type Values = ReadonlyArray<unknown>

const valuesIn = (rows: ReadonlyArray<Row>, name: string): Values =>
  rows.map((row) => {
    const value = row[name]
    if (value === undefined) throw new Error(`a row without ${name}: ${JSON.stringify(row)}`)
    return value
  })

const [BETWEEN, NONE] = ["\u{1e}", "\u{1d}"]
const CUT = `chr(${BETWEEN.charCodeAt(0)}), chr(${NONE.charCodeAt(0)})`

/** Costs both sides less than an array. Empty if it could not be cut apart again, as a single empty text can't. */
const textOfAll = (values: Values): string =>
  values.some(isAmbiguous) ? "" : values.map((value) => value ?? NONE).join(BETWEEN)

const isAmbiguous = (value: unknown): boolean =>
  typeof value === "string" && (value.includes(BETWEEN) || value === NONE)

const arrayOf = (values: Values): string => `{${values.map(literalOf).join(",")}}`

const literalOf = (value: unknown): string => {
  if (typeof value === "string") return textOf(value)
  return value === null ? "NULL" : String(value)
}

const ESCAPED = /["\\]/g

// Hardly any text has something to escape, and to look is faster than to replace.
const textOf = (text: string): string =>
  `"${text.includes('"') || text.includes("\\") ? text.replace(ESCAPED, "\\$&") : text}"`
