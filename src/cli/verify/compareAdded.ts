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

const FRAMELESS: ReadonlySet<string> = new Set(["project", "prefix", "plan", "tree", "member", "backend"])

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

/** The rows that each belong to one line of the log: those that the lines ask for, against those that are there. */
class Added {
  readonly span = new FeedSpan()
  readonly portions: ReadonlyMap<Table, Portion>
  readonly #frames: Portion
  readonly #isNewer: LogWalk["isNewer"]
  readonly #isParked: ReadonlySet<number>
  /** The lines of the portion whose rows are known, by position. */
  readonly #names = new Map<number, string>()
  readonly #times = new Map<unknown, string>()
  /** The position of the first frame that the feed still has. */
  firstFrame: number | undefined

  constructor({ isNewer }: LogWalk, tables: TablesNow, problems: Problems) {
    this.#isNewer = isNewer
    this.#isParked = new Set(tables.parked.map(({ seq }) => seq))
    this.#frames = new Portion(
      feed,
      problems,
      differencesOfFrames((seq) => this.#times.get(seq)),
    )
    const others: ReadonlyArray<Table> = [history, nothingChanged, message, stray, parked]
    this.portions = new Map<Table, Portion>([
      ...others.map((table) => [table, new Portion(table, problems)] as const),
      [feed, this.#frames],
    ])
    for (const row of feed.seed ?? []) this.#frames.expect("", row)
  }

  see(line: Line, meaning: Meaning): void {
    const name = nameOf(line)
    const aside = asideBy(line)
    if (aside !== undefined) this.#expect(stray, name, aside)
    if (meaning === "unclear" || (meaning !== "parked" && this.#isParked.has(line.seq))) {
      // Its frames may have had a part in the times of later ones.
      if (!isStray(line) && !FRAMELESS.has(line.subject.type)) this.span.note(line.record.at)
      return
    }
    this.#names.set(line.seq, name)
    if (meaning === "parked" && !isStray(line)) this.#expect(parked, name, parkedBy(line))
    else if (typeof meaning === "object") this.#seeCommit(name, meaning)
  }

  find(table: Table, row: Row): void {
    const seq = Number(row["seq"])
    if (table === feed) this.firstFrame ??= seq
    const name = this.#names.get(seq)
    if (table === parked) {
      // Any other that is parked is a problem of its own.
      if (this.#isNewer(`${String(row["type"])}.${String(row["id"])}`))
        this.portions.get(table)?.find(parkedAs(row), name ?? "")
    } else if (name !== undefined || seq < 1) this.portions.get(table)?.find(row, name ?? "")
  }

  forgetPortion(): void {
    this.#names.clear()
    this.#times.clear()
  }

  #expect(table: Table, name: string, row: Row): void {
    this.portions.get(table)?.expect(name, row)
  }

  #seeCommit(name: string, commit: Commit): void {
    for (const change of addedBy(commit)) if ("put" in change) this.#expect(change.table, name, change.put)
    const told = framesBy(commit, this.span.latest)
    if (told.length === 0) return
    this.span.note(commit.record.at)
    this.span.add(commit.seq)
    this.#times.set(commit.seq, commit.record.at)
    for (const frame of told) this.#frames.expect(name, { ...frame, at: this.span.latest })
  }
}

/**
 * Compares the rows that each belong to one line of the log, in step with the walk: history, messages, feed,
 * commands that changed nothing, and what was set aside. Both sides go by position, so that little of either is in
 * memory at a time.
 */
export const compareAdded = (walk: LogWalk, tables: TablesNow, problems: Problems) => {
  const added = new Added(walk, tables, problems)
  const rows = Array.from(added.portions, ([table, portion]) => ({
    table,
    portion,
    found: tables.rows(table),
  }))

  const compare = Effect.fnUntraced(function* (upTo: number) {
    for (const { found, portion, table } of rows) {
      yield* found.takeWhile(
        ({ seq }) => Number(seq) <= upTo,
        (row) => added.find(table, row),
      )
      portion.end(table === feed ? (added.firstFrame ?? Infinity) : 0)
    }
    added.forgetPortion()
  })

  /** Compares what is left once the walk is at the tables' position. */
  const end = Effect.fnUntraced(function* (position: number) {
    yield* compare(position)
    for (const { found, table } of rows) {
      const problem = `has a row in ${table.name}, which is of no record up to ${position}`
      yield* found.takeAll(({ seq }) => problems.note(Number(seq), "", problem))
    }
    const { begin } = added.span
    if ((added.firstFrame ?? Infinity) > begin)
      problems.note(begin, "", "the feed has to begin with the frames of this record, and those are gone")
  })

  const see: Witness["see"] = (line, meaning) => added.see(line, meaning)
  return { witness: { see, compare } satisfies Witness, end }
}
