import type { Row, Table } from "../../projections/Table.ts"
import { isSame } from "./canonical.ts"
import type { Problems } from "./Problems.ts"

interface Expected {
  /** The aggregate that a line is of. */
  readonly name: string
  readonly row: Row
}

/** The columns in which a row is not as it must be. */
export type Differences = (expected: Row, found: Row) => ReadonlyArray<string>

/** The columns that differ. */
export const differing: Differences = (expected, found) =>
  Object.keys(expected).filter(
    (name) => found[name] !== expected[name] && !isSame(found[name], expected[name]),
  )

/** The rows of one table that a portion of the log makes, each of them crossed off when it was found. */
export class Portion {
  readonly #expected = new Map<string, Expected>()
  readonly #table: Table
  readonly #problems: Problems
  readonly #differences: Differences

  constructor(table: Table, problems: Problems, differences: Differences = differing) {
    this.#table = table
    this.#problems = problems
    this.#differences = differences
  }

  expect(name: string, row: Row): void {
    this.#expected.set(placeOf(row), { name, row })
  }

  /** Compares a row that was found; `name` is the aggregate of its line. */
  find(found: Row, name: string): void {
    const place = placeOf(found)
    const expected = this.#expected.get(place)
    const where = `${this.#table.name} (${place})`
    if (expected === undefined) {
      this.#problems.note(Number(found["seq"]), name, `has a row in ${where} that the log does not make`)
      return
    }
    this.#expected.delete(place)
    const wrong = this.#differences(expected.row, found)
    if (wrong.length === 0) return
    this.#problems.note(
      Number(found["seq"]),
      name,
      `its row in ${where} differs from the log in ${wrong.join(", ")}`,
    )
  }

  /** Notes what was not found, from a position on, and begins anew. */
  end(from = 0): void {
    for (const [place, { name, row }] of this.#expected) {
      const seq = Number(row["seq"])
      if (seq >= from) this.#problems.note(seq, name, `has no row in ${this.#table.name} (${place})`)
    }
    this.#expected.clear()
  }
}

/** Position and number of a row, as far as it has them. */
const placeOf = ({ idx, seq }: Row): string =>
  idx === undefined ? String(seq) : `${String(seq)}.${String(idx)}`
