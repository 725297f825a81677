import { Effect } from "effect"
import type { SchemaAt } from "../../adapters/postgres/client.ts"
import { compareAdded } from "./compareAdded.ts"
import { compareOwed } from "./compareOwed.ts"
import { compareRows } from "./compareRows.ts"
import { type LogWalk, type Progress, walkLog } from "./LogWalk.ts"
import { type Problem, Problems } from "./Problems.ts"
import type { SetAside } from "./SetAside.ts"
import { type TablesNow, tablesNow } from "./TablesNow.ts"

/**
 * The output of `crewlog verify --json`. `last` is the last position that was looked at, `first_bad` the
 * first with a problem.
 */
export interface Verification {
  readonly ok: boolean
  readonly records: number
  readonly last: number
  readonly first_bad: number | null
  readonly problems: ReadonlyArray<Problem>
  /** Left out where there is nothing. */
  readonly set_aside?: Pick<SetAside, "count" | "first">
}

export interface Verified {
  readonly verification: Verification
  /** The number of rows that were compared, and the position of the read model; undefined where none were. */
  readonly rows: { readonly count: number; readonly seq: number } | undefined
}

/** Compares the log with itself, and with the read model at `place` where one is given. */
export const verify = Effect.fn("verify")(function* (place: SchemaAt | undefined, progress?: Progress) {
  const walk = yield* walkLog(progress)
  return yield* Effect.ensuring(
    verifiedBy(walk, place),
    Effect.sync(() => walk.folds.close()),
  )
})

const verifiedBy = Effect.fnUntraced(function* (walk: LogWalk, place: SchemaAt | undefined) {
  const rows = place === undefined ? undefined : yield* withRows(walk, place)
  yield* walk.to(walk.head.last)
  const { aside, position, problems, records } = walk
  const verification = {
    ok: problems.count === 0,
    records,
    last: position,
    first_bad: problems.first ?? null,
    problems: problems.all,
    ...(aside.count === 0 ? {} : { set_aside: { count: aside.count, first: aside.first } }),
  }
  return { verification, rows } satisfies Verified
})

/** Rows are those of one position, the checkpoint, and so must the folds be: each is compared when the walk is there. */
const withRows = (walk: LogWalk, place: SchemaAt) =>
  Effect.scoped(compare(walk, place)).pipe(
    Effect.catchTag("ReadModelUnavailable", ({ reason }) =>
      Effect.sync(() => {
        walk.problems.note(0, "", `the rows were not compared, PostgreSQL is away: ${reason}`)
        return undefined
      }),
    ),
  )

const compare = Effect.fnUntraced(function* (walk: LogWalk, place: SchemaAt) {
  const tables = yield* tablesNow(place)
  const seq = tables.checkpoint?.seq ?? 0
  const found = new Problems()
  const added = compareAdded(walk, tables, found)
  const owing = compareOwed(tables, found)
  yield* walk.to(seq, {
    compare: added.witness.compare,
    see: (line, meaning) => {
      added.witness.see(line, meaning)
      owing.see(line, meaning)
    },
  })
  const objection = objectionTo(walk, tables)
  if (objection !== undefined) {
    walk.problems.note(seq, "", objection)
    return undefined
  }
  yield* added.end(seq)
  yield* owing.end
  const count = yield* compareRows(walk, tables, found)
  walk.problems.add(found)
  return { count, seq }
})

/** The reason why these tables can't be those of this log at this position. */
const objectionTo = (
  { gaveUp, hash, head, position }: LogWalk,
  { checkpoint, isOurs }: TablesNow,
): string | undefined => {
  if (gaveUp) return "the rows were not compared: too much of the log is damaged"
  if (checkpoint === undefined)
    return "there is no read model: start the server once, it makes it from the log"
  const { hash: known, log, seq } = checkpoint
  if (!isOurs) return "another version of Crewlog made the read model: start the server, it makes it anew"
  if (seq === 0) return undefined
  if (log !== head.epoch) {
    return `the read model was made from a log that was created ${log}, but this one was created ${head.epoch}`
  }
  if (position < seq) return `the log ends at ${head.last}, but the read model has seen it up to ${seq}`
  if (hash !== "" && hash !== known) {
    return `the read model knows record ${seq} with the hash ${known}, but on the log it has ${hash}`
  }
  return undefined
}
