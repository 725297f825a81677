import { Effect, Schema, Stream } from "effect"
import { Digest } from "../../domain/Digest.ts"
import { EventLog, LogUnavailable } from "../../domain/EventLog.ts"
import { hashOf, isStray, type Line } from "../../domain/Line.ts"
import type { ReadModelUnavailable } from "../../projections/ReadModel.ts"
import { lineChecks } from "./lineChecks.ts"
import type { Meaning } from "./Meaning.ts"
import { Problems } from "./Problems.ts"

/** A listener that hears, after each portion of records, of the position and of the last one there is. */
export type Progress = (seq: number, last: number) => Effect.Effect<void>

/** A listener that hears of every line in the log's order, and after some of them compares what it has heard. */
export interface Witness {
  readonly see: (line: Line, meaning: Meaning) => void
  readonly compare: (upTo: number) => Effect.Effect<void, ReadModelUnavailable>
}

const nobody: Witness = { see: () => undefined, compare: () => Effect.void }

const SILENCE = "30 seconds"
const DAMAGED_AT_MOST = 100
/** So many lines are compared with the tables at a time. */
const TOGETHER = 1_000

/** A log with so much of it damaged is not read on. */
class TooDamaged extends Schema.TaggedError<TooDamaged>()("TooDamaged", {}) {}

/**
 * A walk over the log, from its first record towards its head: no hole in the sequence, every record as its
 * Schema says, chained to its aggregate's one before, its events foldable, and its snapshot equal to the fold.
 * What can't be read is noted and stepped over.
 */
export const walkLog = Effect.fnUntraced(function* (progress: Progress = () => Effect.void) {
  const log = yield* EventLog
  const digest = yield* Digest
  const problems = new Problems()
  const damaged = new Set<number>()
  let head = yield* log.head
  let position = 0
  let gaveUp = false
  let records = 0
  let hash = ""

  const isDamaged = (seq: number) => damaged.has(seq) || (seq > 0 && seq < head.first)

  const noteDamage = (seq: number, reason: string) =>
    Effect.suspend(() => {
      problems.note(seq, "", reason)
      damaged.add(seq)
      return damaged.size < DAMAGED_AT_MOST ? Effect.void : new TooDamaged()
    })

  const checks = lineChecks(digest, { isDamaged, problems })
  const check = (line: Line): Meaning => {
    position = line.seq
    hash = hashOf(line)
    if (!isStray(line)) records += 1
    return checks.check(line)
  }

  const checkAll = Effect.fnUntraced(function* (lines: ReadonlyArray<Line>, { compare, see }: Witness) {
    for (let from = 0; from < lines.length; from += TOGETHER) {
      for (const line of lines.slice(from, from + TOGETHER)) see(line, check(line))
      yield* compare(position)
    }
    yield* progress(position, head.last)
  })

  /** Up to what can't be read, or to `end`. */
  const leg = (end: number, witness: Witness) =>
    log.follow(position).pipe(
      Stream.takeUntil(({ seq }) => seq >= end),
      Stream.timeoutOrElse({ duration: SILENCE, orElse: () => Stream.fail(silent) }),
      Stream.runForEachArray((portion) =>
        checkAll(
          portion.filter(({ seq }) => seq <= end),
          witness,
        ),
      ),
      Effect.catchTag("LogDamaged", ({ reason, seq }) =>
        Effect.suspend(() => {
          position = Math.max(seq, position + 1)
          hash = ""
          return noteDamage(seq, reason)
        }),
      ),
    )

  /** The last position at or before `to` that holds anything: `follow` would wait for ever for one that is gone. */
  const lastStored = Effect.fnUntraced(function* (to: number) {
    let end = to
    while (end > position) {
      const found = yield* log
        .line(end)
        .pipe(Effect.catchTag("LogDamaged", () => Effect.succeed("unreadable")))
      if (found !== undefined) break
      yield* noteDamage(end, "is missing: the log says that it has it")
      end -= 1
    }
    return end
  })

  const to = Effect.fn("LogWalk.to")(
    function* (end: number, witness: Witness = nobody) {
      if (end <= position || gaveUp) return
      if (end > head.last) head = yield* log.head
      const stored = yield* lastStored(Math.min(end, head.last))
      if (position >= stored) return
      yield* Effect.suspend(() => leg(stored, witness)).pipe(
        Effect.repeat({ while: () => position < stored }),
      )
    },
    Effect.catchTag("TooDamaged", () =>
      Effect.sync(() => {
        problems.note(
          0,
          "",
          `more than ${DAMAGED_AT_MOST} records are damaged: the log was not read any further`,
        )
        gaveUp = true
      }),
    ),
  )

  if (head.last > 0 && head.first !== 1) {
    problems.note(
      head.first,
      "",
      `the log begins with this record, not with the first: ${head.first - 1} are missing`,
    )
    position = head.first - 1
  }

  return {
    ...checks,
    problems,
    /** Walks on to a position, if it is still ahead and on the log. */
    to,
    /** The head of the log, as far as it is known. */
    get head() {
      return head
    },
    /** Too much is damaged: the walk ended early. */
    get gaveUp() {
      return gaveUp
    },
    get position() {
      return position
    },
    /** The number of records that were looked at. */
    get records() {
      return records
    },
    /** The hash of the record at `position`; empty where that can't be read. */
    get hash() {
      return hash
    },
  }
})
export type LogWalk = Effect.Success<ReturnType<typeof walkLog>>

const silent = new LogUnavailable({ reason: `it gave nothing for ${SILENCE}`, unknown: false })
