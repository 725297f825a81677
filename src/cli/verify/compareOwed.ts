import { Effect } from "effect"
import { isStray, type Line } from "../../domain/Line.ts"
import type { Commit } from "../../projections/Commit.ts"
import { owed, owedOf } from "../../projections/Owed.ts"
import type { Row } from "../../projections/Table.ts"
import { differing } from "./Portion.ts"
import type { Meaning } from "./Meaning.ts"
import type { Problems } from "./Problems.ts"
import type { TablesNow } from "./TablesNow.ts"

/** The types of aggregates whose records owe something, or settle it. */
const OWING: ReadonlySet<string> = new Set(["plan", "task", "tree"])

const keyOf = ({ id, kind }: Row): string => `${String(kind)} ${String(id)}`

/**
 * Compares everything that is owed with what the records came to. Records that were set aside may have settled
 * something or not: then nothing can be said.
 */
export const compareOwed = (tables: TablesNow, problems: Problems) => {
  const expected = new Map<string, Row>()
  const isParked = new Set(tables.parked.map(({ seq }) => seq))
  let isClear = true

  const note = (commit: Commit) => {
    for (const change of owedOf(commit)) {
      if ("put" in change) expected.set(keyOf(change.put), change.put)
      else expected.delete(keyOf(change.remove))
    }
  }

  const find = (row: Row) => {
    const key = keyOf(row)
    const due = expected.get(key)
    expected.delete(key)
    if (due === undefined)
      return problems.note(Number(row["seq"]), "", `has a row in owed (${key}) that the log does not make`)
    const wrong = differing(due, row)
    if (wrong.length > 0)
      problems.note(
        Number(due["seq"]),
        "",
        `its row in owed (${key}) differs from the log in ${wrong.join(", ")}`,
      )
  }

  return {
    see: (line: Line, meaning: Meaning) => {
      if (isStray(line)) return
      if (typeof meaning === "object" && !isParked.has(line.seq)) note(meaning)
      else if (OWING.has(line.subject.type)) isClear = false
    },
    end: Effect.suspend(() => {
      if (!isClear) return Effect.void
      return Effect.map(tables.rows(owed).takeAll(find), () => {
        for (const [key, { seq }] of expected) problems.note(Number(seq), "", `has no row in owed (${key})`)
      })
    }),
  }
}
