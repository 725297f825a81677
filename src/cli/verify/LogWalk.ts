import { Effect, Schema, Stream } from "effect"
import type { AggregateType } from "../../domain/Aggregate.ts"
import type { Recorded } from "../../domain/CommitRecord.ts"
import { Digest } from "../../domain/Digest.ts"
import { EventLog, LogUnavailable } from "../../domain/EventLog.ts"
import { hashOf, isRecorded, isStray, type Line, nameOf } from "../../domain/Line.ts"
import { type Checkers, checkersOf } from "./checkers.ts"
import { checkChain, checkRecord } from "./checkRecord.ts"
import { type Folded, Folds, keyOf } from "./Folds.ts"
import { Problems } from "./Problems.ts"
import { SetAside } from "./SetAside.ts"

/** A listener that hears, after each portion of records, of the position and of the last one there is. */
export type Progress = (seq: number, last: number) => Effect.Effect<void>

const SILENCE = "30 seconds"
const DAMAGED_AT_MOST = 100

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
  const checkers = checkersOf(digest)
  const folds = new Folds(codecsOf(checkers))
  const problems = new Problems()
  const aside = new SetAside()
  /** The aggregates that a newer program has changed, and how far they are. */
  const newer = new Map<string, Pick<Folded, "seq" | "hash">>()
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

  const checkFolded = (recorded: Recorded) => {
    const { record, seq, subject } = recorded
    const checker = checkers[subject.type]
    const key = keyOf(subject)
    const before = folds.get(subject) ?? nothing(recorded, checker.initial)
    const note = (problem: string) => problems.note(seq, key, problem)
    const setAside = (why: string) => {
      aside.note(seq, key, why)
      newer.set(key, { seq, hash: record.hash })
    }
    const isNewer = newer.has(key)
    folds.set(checkRecord(recorded, { digest, checker, before, isDamaged, isNewer, note, setAside }))
  }

  /** Of an aggregate whose type only a newer program knows there is no more to be seen than its chain. */
  const checkUnknown = (recorded: Recorded<string>) => {
    const { record, seq, subject } = recorded
    const key = nameOf(recorded)
    const before = newer.get(key) ?? { seq: 0, hash: "" }
    const note = (problem: string) => problems.note(seq, key, problem)
    checkChain(recorded, { digest, before, isDamaged, note })
    aside.note(seq, key, `a newer program wrote it (an aggregate of type ${subject.type})`)
    newer.set(key, { seq, hash: record.hash })
  }

  const check = (line: Line) => {
    position = line.seq
    hash = hashOf(line)
    if (isStray(line)) return aside.note(line.seq, nameOf(line), line.stray.reason)
    records += 1
    if (isRecorded(line)) checkFolded(line)
    else checkUnknown(line)
  }

  /** Up to what can't be read, or to `end`. */
  const leg = (end: number) =>
    log.follow(position).pipe(
      Stream.takeUntil(({ seq }) => seq >= end),
      Stream.timeoutOrElse({ duration: SILENCE, orElse: () => Stream.fail(silent) }),
      Stream.runForEachArray((portion) =>
        Effect.suspend(() => {
          for (const line of portion) if (line.seq <= end) check(line)
          return progress(position, head.last)
        }),
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
    function* (end: number) {
      if (end <= position || gaveUp) return
      if (end > head.last) head = yield* log.head
      const stored = yield* lastStored(Math.min(end, head.last))
      if (position >= stored) return
      yield* Effect.suspend(() => leg(stored)).pipe(Effect.repeat({ while: () => position < stored }))
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
    folds,
    problems,
    /** What is no damage, and was not folded. */
    aside,
    /** True of aggregates that a newer program has changed: their folds are as of before. */
    isNewer: (key: string) => newer.has(key),
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

const nothing = ({ subject }: Recorded, initial: unknown): Folded => ({
  subject,
  seq: 0,
  version: 0,
  hash: "",
  state: initial,
  remembered: [],
  isSound: true,
})

const codecsOf = (checkers: Checkers) =>
  Object.fromEntries(Object.entries(checkers).map(([type, { codec }]) => [type, codec])) as Readonly<
    Record<AggregateType, Checkers[AggregateType]["codec"]>
  >
