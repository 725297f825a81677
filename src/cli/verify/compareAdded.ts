import { Effect } from "effect"
import { parked, stray } from "../../adapters/postgres/commit.ts"
import { isStray, type Line, nameOf } from "../../domain/Line.ts"
import type { Commit } from "../../projections/Commit.ts"
import { feed } from "../../projections/Feed.ts"
import { history } from "../../projections/History.ts"
import { message } from "../../projections/Messages.ts"
import { nothingChanged } from "../../projections/NothingChanged.ts"
import type { Row, Table } from "../../projections/Table.ts"
import { addedBy, asideBy, framesBy, parkedAs, parkedBy } from "./expectedRows.ts"
import { FeedSpan } from "./FeedSpan.ts"
import type { LogWalk, Witness } from "./LogWalk.ts"
import type { Meaning } from "./Meaning.ts"
import { differing, type Differences, Portion } from "./Portion.ts"
import type { Problems } from "./Problems.ts"
import type { TablesNow } from "./TablesNow.ts"

const FRAMELESS: ReadonlySet<string> = new Set(["project", "prefix", "plan", "member", "backend"])

/**
 * A frame's own time may be anything from that of its record to the latest of those before: what was parked has had
 * no part in it.
 */
const differencesOfFrames =
  (earliestOf: (seq: unknown) => string | undefined): Differences =>
  (expected, found) => {
    const wrong = differing({ ...expected, at: found["at"] }, found)
    const [at, latest] = [String(found["at"]), String(expected["at"])]
    return (earliestOf(found["seq"]) ?? latest) <= at && at <= latest ? wrong : [...wrong, "at"]
  }

/**
 * Compares the rows that each belong to one line of the log, in step with the walk: history, messages, feed,
 * commands that changed nothing, and what was set aside. Both sides go by position, so that little of either is in
 * memory at a time.
 */
export const compareAdded = ({ isNewer }: LogWalk, tables: TablesNow, problems: Problems) => {
  const span = new FeedSpan()
  /** The lines of the portion whose rows are known, by position. */
  const names = new Map<number, string>()
  const times = new Map<unknown, string>()
  const portions = new Map<Table, Portion>(
    [history, nothingChanged, message, stray, parked].map((table) => [table, new Portion(table, problems)]),
  )
  const frames = new Portion(
    feed,
    problems,
    differencesOfFrames((seq) => times.get(seq)),
  )
  portions.set(feed, frames)
  const rows = new Map(Array.from(portions.keys(), (table) => [table, tables.rows(table)]))
  const isParked = new Set(tables.parked.map(({ seq }) => seq))
  let firstFrame: number | undefined

  const expect = (table: Table, name: string, row: Row) => portions.get(table)?.expect(name, row)

  const seeCommit = (name: string, commit: Commit) => {
    for (const change of addedBy(commit)) if ("put" in change) expect(change.table, name, change.put)
    const told = framesBy(commit, span.latest)
    if (told.length === 0) return
    span.note(commit.record.at)
    span.add(commit.seq)
    times.set(commit.seq, commit.record.at)
    for (const frame of told) frames.expect(name, { ...frame, at: span.latest })
  }

  const see = (line: Line, meaning: Meaning) => {
    const name = nameOf(line)
    const aside = asideBy(line)
    if (aside !== undefined) expect(stray, name, aside)
    if (meaning === "unclear" || (meaning !== "parked" && isParked.has(line.seq))) {
      // Its frames may have had a part in the times of later ones.
      if (!isStray(line) && !FRAMELESS.has(line.subject.type)) span.note(line.record.at)
      return
    }
    names.set(line.seq, name)
    if (meaning === "parked" && !isStray(line)) expect(parked, name, parkedBy(line))
    else if (typeof meaning === "object") seeCommit(name, meaning)
  }

  const find = (table: Table, row: Row) => {
    const seq = Number(row["seq"])
    if (table === feed) firstFrame ??= seq
    const name = names.get(seq)
    if (table === parked) {
      // Any other that is parked is a problem of its own.
      if (isNewer(`${String(row["type"])}.${String(row["id"])}`))
        portions.get(table)?.find(parkedAs(row), name ?? "")
    } else if (name !== undefined || seq < 1) portions.get(table)?.find(row, name ?? "")
  }

  for (const row of feed.seed ?? []) frames.expect("", row)

  const compare = Effect.fnUntraced(function* (upTo: number) {
    for (const [table, portion] of portions) {
      yield* (
        rows.get(table)?.takeWhile(
          ({ seq }) => Number(seq) <= upTo,
          (row) => find(table, row),
        ) ?? Effect.void
      )
      portion.end(table === feed ? (firstFrame ?? Infinity) : 0)
    }
    names.clear()
    times.clear()
  })

  /** Compares what is left once the walk is at the tables' position. */
  const end = Effect.fnUntraced(function* (position: number) {
    yield* compare(position)
    for (const [table] of portions) {
      yield* (
        rows.get(table)?.takeAll(({ seq }) => {
          problems.note(
            Number(seq),
            "",
            `has a row in ${table.name}, which is of no record up to ${position}`,
          )
        }) ?? Effect.void
      )
    }
    if ((firstFrame ?? Infinity) > span.begin) {
      problems.note(
        span.begin,
        "",
        `the feed has to begin with the frames of this record, and those are gone`,
      )
    }
  })

  return { witness: { see, compare } satisfies Witness, end }
}
