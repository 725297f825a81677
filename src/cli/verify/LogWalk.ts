import { Effect, Schema, Stream } from "effect"
import { Digest } from "../../domain/Digest.ts"
import { EventLog, type Head, LogUnavailable } from "../../domain/EventLog.ts"
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

/** The state of a walk: how far it is, and all that it found. */
class Walked {
  readonly problems = new Problems()
  readonly #damaged = new Set<number>()
  head: Head
  position = 0
  gaveUp = false
  /** The number of records that were looked at. */
  records = 0
  /** The hash of the record at `position`; empty where that can't be read. */
  hash = ""

  constructor(head: Head) {
    this.head = head
    if (head.last === 0 || head.first === 1) return
    const missing = head.first - 1
    this.problems.note(
      head.first,
      "",
      `the log begins with this record, not with the first: ${missing} are missing`,
    )
    this.position = missing
  }

  isDamaged(seq: number): boolean {
    return this.#damaged.has(seq) || (seq > 0 && seq < this.head.first)
  }

  noteDamage(seq: number, reason: string): Effect.Effect<void, TooDamaged> {
    return Effect.suspend(() => {
      this.problems.note(seq, "", reason)
      this.#damaged.add(seq)
      return this.#damaged.size < DAMAGED_AT_MOST ? Effect.void : new TooDamaged()
    })
  }

  giveUp(): void {
    const reason = `more than ${DAMAGED_AT_MOST} records are damaged: the log was not read any further`
    this.problems.note(0, "", reason)
    this.gaveUp = true
  }
}

type Log = EventLog["Service"]

type PassPortion = (lines: ReadonlyArray<Line>) => Effect.Effect<void, ReadModelUnavailable>

/** Walks up to what can't be read, or to `end`. */
const leg = (log: Log, walked: Walked, end: number, pass: PassPortion) =>
  log.follow(walked.position).pipe(
    Stream.takeUntil(({ seq }) => seq >= end),
    Stream.timeoutOrElse({ duration: SILENCE, orElse: () => Stream.fail(silent) }),
    Stream.runForEachArray((portion) => pass(portion.filter(({ seq }) => seq <= end))),
    Effect.catchTag("LogDamaged", ({ reason, seq }) =>
      Effect.suspend(() => {
        walked.position = Math.max(seq, walked.position + 1)
        walked.hash = ""
        return walked.noteDamage(seq, reason)
      }),
    ),
  )

/** The last position at or before `to` that holds anything: `follow` would wait for ever for one that is gone. */
const lastStored = Effect.fnUntraced(function* (log: Log, walked: Walked, to: number) {
  let end = to
  while (end > walked.position) {
    const found = yield* log.line(end).pipe(Effect.catchTag("LogDamaged", () => Effect.succeed("unreadable")))
    if (found !== undefined) break
    yield* walked.noteDamage(end, "is missing: the log says that it has it")
    end -= 1
  }
  return end
})

/**
 * A walk over the log, from its first record towards its head: no hole in the sequence, every record as its
 * Schema says, chained to its aggregate's one before, its events foldable, and its snapshot equal to the fold.
 * What can't be read is noted and stepped over.
 */
export const walkLog = Effect.fnUntraced(function* (progress: Progress = () => Effect.void) {
  const log = yield* EventLog
  const digest = yield* Digest
  const walked = new Walked(yield* log.head)
  const { problems } = walked
  const checks = lineChecks(digest, { problems, isDamaged: (seq) => walked.isDamaged(seq) })

  const pass = (line: Line): Meaning => {
    walked.position = line.seq
    walked.hash = hashOf(line)
    if (!isStray(line)) walked.records += 1
    return checks.check(line)
  }

  const passAll = Effect.fnUntraced(function* (lines: ReadonlyArray<Line>, { compare, see }: Witness) {
    for (let from = 0; from < lines.length; from += TOGETHER) {
      for (const line of lines.slice(from, from + TOGETHER)) see(line, pass(line))
      yield* compare(walked.position)
    }
    yield* progress(walked.position, walked.head.last)
  })

  const to = Effect.fn("LogWalk.to")(
    function* (end: number, witness: Witness = nobody) {
      if (end <= walked.position || walked.gaveUp) return
      if (end > walked.head.last) walked.head = yield* log.head
      const stored = yield* lastStored(log, walked, Math.min(end, walked.head.last))
      if (walked.position >= stored) return
      const passPortion = (lines: ReadonlyArray<Line>) => passAll(lines, witness)
      yield* Effect.suspend(() => leg(log, walked, stored, passPortion)).pipe(
        Effect.repeat({ while: () => walked.position < stored }),
      )
    },
    Effect.catchTag("TooDamaged", () => Effect.sync(() => walked.giveUp())),
  )

  return {
    ...checks,
    problems,
    /** Walks on to a position, if it is still ahead and on the log. */
    to,
    /** The head of the log, as far as it is known. */
    get head() {
      return walked.head
    },
    /** Too much is damaged: the walk ended early. */
    get gaveUp() {
      return walked.gaveUp
    },
    get position() {
      return walked.position
    },
    /** The number of records that were looked at. */
    get records() {
      return walked.records
    },
    /** The hash of the record at `position`; empty where that can't be read. */
    get hash() {
      return walked.hash
    },
  }
})
export type LogWalk = Effect.Success<ReturnType<typeof walkLog>>

const silent = new LogUnavailable({ reason: `it gave nothing for ${SILENCE}`, unknown: false })
