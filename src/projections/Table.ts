/**
 * A table of the read model, described once: the projections write rows of it, the adapter
 * makes its DDL and its statements from it.
 */
export interface Table<Columns extends Readonly<Record<string, Column>> = Readonly<Record<string, Column>>> {
  readonly name: string
  readonly columns: Columns
  /** Tells rows apart. */
  readonly key: ReadonlyArray<string>
  /** Rows are written once and never again, and looked up by `indices` alone; without it they are replaced and removed by key. */
  readonly appendOnly: boolean
  /** The text after `on <table>` in `create index`. */
  readonly indices: ReadonlyArray<string>
  /** Rows that are there before the first record. */
  readonly seed?: ReadonlyArray<Row>
}

export type ColumnType =
  | "text"
  | "smallint"
  | "integer"
  | "bigint"
  | "double precision"
  | "boolean"
  | "timestamptz"
  | "json"
  | "jsonb"

/** `timestamptz` is an RFC 3339 string on our side. `json` keeps its text, `jsonb` can be asked. */
export interface Column<out Value = unknown> {
  readonly type: ColumnType
  readonly nullable: boolean
  readonly holds?: Value
}

export type Row = Readonly<Record<string, unknown>>
export type RowOf<Described> =
  Described extends Table<infer Columns>
    ? { readonly [Name in keyof Columns]: Columns[Name] extends Column<infer Value> ? Value : never }
    : never

const column = <Value>(type: ColumnType): Column<Value> => ({ type, nullable: false })

export const text: Column<string> = column("text")
export const smallint: Column<number> = column("smallint")
export const integer: Column<number> = column("integer")
export const bigint: Column<number> = column("bigint")
export const double: Column<number> = column("double precision")
export const boolean: Column<boolean> = column("boolean")
export const instant: Column<string> = column("timestamptz")
export const json = <Value>(): Column<Value> => column("json")
export const jsonb = <Value>(): Column<Value> => column("jsonb")
/** Text of a closed set. */
export const oneOf = <Value extends string>(): Column<Value> => column("text")
export const nullable = <Value>({ type }: Column<Value>): Column<Value | null> => ({ type, nullable: true })

export const defineTable = <const Columns extends Readonly<Record<string, Column>>>(
  table: Table<Columns> & { readonly key: ReadonlyArray<keyof Columns> },
): Table<Columns> => table
