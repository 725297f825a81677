import { Effect } from "effect"
import { kinds } from "../../projections/Commit.ts"
import type { ReadModelUnavailable } from "../../projections/ReadModel.ts"
import type { StateTable } from "../../projections/StateTable.ts"
import type { Row } from "../../projections/Table.ts"
import { isSame } from "./canonical.ts"
import { keyOf } from "./Folds.ts"
import type { LogWalk } from "./LogWalk.ts"
import type { Problems } from "./Problems.ts"
import type { TablesNow } from "./TablesNow.ts"

/**
 * Compares every aggregate's fold with its row, at the position that both are of: the walk has to be at the
 * tables' checkpoint. A row without aggregate and an aggregate without row are noted as well. Gives the number
 * of rows.
 */
export const compareRows = Effect.fn("compareRows")(function* (
  { folds, isNewer }: LogWalk,
  tables: TablesNow,
  problems: Problems,
): Effect.fn.Return<number, ReadModelUnavailable> {
  const parked = new Set<string>()
  for (const { error, id, seq, type } of tables.parked) {
    const key = `${type}.${id}`
    parked.add(key)
    if (!isNewer(key)) problems.note(seq, key, `is not in the read model: it is parked, since ${error}`)
  }

  const seen = new Set<string>()
  const check = (table: StateTable<unknown>, row: Row) => {
    const subject = { type: table.of, id: String(row["id"]) }
    const key = keyOf(subject)
    seen.add(key)
    if (parked.has(key)) return
    const folded = folds.get(subject)
    if (folded === undefined)
      return problems.note(Number(row["seq"]), key, "has a row, but no record on the log")
    if (!folded.isSound) return
    const expected = table.rowOf(subject.id, folded.seq, folded.state)
    if (expected === undefined)
      return problems.note(folded.seq, key, "has a row, but should have none any more")
    const wrong = Object.keys(table.columns).filter((name) => !isSame(row[name], expected[name]))
    if (wrong.length > 0)
      problems.note(folded.seq, key, `its row differs from the fold in ${wrong.join(", ")}`)
  }

  for (const { table } of Object.values(kinds)) {
    if (table === undefined) continue
    yield* tables.rows(table).takeAll((row) => check(table, row))
  }

  for (const subject of folds.subjects) {
    const key = keyOf(subject)
    const { table } = kinds[subject.type]
    if (table === undefined || seen.has(key) || parked.has(key)) continue
    const folded = folds.get(subject)
    if (folded === undefined || !folded.isSound) continue
    if (table.rowOf(subject.id, folded.seq, folded.state) === undefined) continue
    problems.note(folded.seq, key, "has no row in the read model")
  }
  return seen.size
})
