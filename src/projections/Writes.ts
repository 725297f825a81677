import type { Row, RowOf, Table } from "./Table.ts"

/** A change that a commit makes to a table: one row put or removed. */
export type Change =
  | { readonly table: Table; readonly put: Row }
  | { readonly table: Table; readonly remove: Row }

export const put = <Described extends Table>(table: Described, row: RowOf<Described>): Change => ({
  table,
  put: row as Row,
})

/** `key` holds the key's columns. */
export const remove = <Described extends Table>(
  table: Described,
  key: Partial<RowOf<Described>>,
): Change => ({
  table,
  remove: key as Row,
})

/** The changes that a batch of commits makes to a table: every key at most once. */
export interface TableWrites {
  readonly table: Table
  readonly puts: ReadonlyArray<Row>
  readonly removes: ReadonlyArray<Row>
}

/** Folds changes by table and key, so that each table is written once per batch, whatever its size. */
export class Writes {
  readonly #appended = new Map<Table, Array<Row>>()
  readonly #keyed = new Map<Table, Map<string, Change>>()

  add(change: Change): void {
    const { table } = change
    if (table.appendOnly) {
      if ("put" in change) entry(this.#appended, table, () => []).push(change.put)
      return
    }
    const row = "put" in change ? change.put : change.remove
    entry(this.#keyed, table, () => new Map()).set(keyOf(table, row), change)
  }

  get tables(): ReadonlyArray<TableWrites> {
    return [
      ...Array.from(this.#appended, ([table, puts]) => ({ table, puts, removes: [] })),
      ...Array.from(this.#keyed, ([table, changes]) => {
        const all = [...changes.values()]
        return {
          table,
          puts: all.flatMap((change) => ("put" in change ? [change.put] : [])),
          removes: all.flatMap((change) => ("remove" in change ? [change.remove] : [])),
        }
      }),
    ]
  }
}

// No key of ours has a space in its first columns: they are ids, kinds and numbers.
const keyOf = (table: Table, row: Row): string =>
  table.key.length === 1
    ? String(row[table.key[0] ?? ""])
    : table.key.map((name) => String(row[name])).join(" ")

/** The value of a map at a key, made where there is none yet. */
export const entry = <Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value => {
  const known = map.get(key)
  if (known !== undefined) return known
  const made = make()
  map.set(key, made)
  return made
}
