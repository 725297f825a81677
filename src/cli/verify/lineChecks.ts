import type { AggregateType } from "../../domain/Aggregate.ts"
import type { Recorded } from "../../domain/CommitRecord.ts"
import type { Digest } from "../../domain/Digest.ts"
import { isRecorded, isStray, type Line, nameOf } from "../../domain/Line.ts"
import type { Commit } from "../../projections/Commit.ts"
import { type Checkers, checkersOf } from "./checkers.ts"
import { checkChain, checkRecord } from "./checkRecord.ts"
import { type Folded, Folds, keyOf } from "./Folds.ts"
import type { Meaning } from "./Meaning.ts"
import { partChecks } from "./partChecks.ts"
import type { Problems } from "./Problems.ts"
import { SetAside } from "./SetAside.ts"

interface Findings {
  readonly problems: Problems
  /** True where the record at a position is there but can't be read, or is missing. */
  readonly isDamaged: (seq: number) => boolean
}

/** Compares each line of the log with those before it, and folds what can be folded. */
export const lineChecks = (digest: Digest["Service"], { isDamaged, problems }: Findings) => {
  const checkers = checkersOf(digest)
  const folds = new Folds(codecsOf(checkers))
  const aside = new SetAside()
  const checkPart = partChecks()
  const newer = new Map<string, Pick<Folded, "seq" | "hash">>()

  const noteOf = (seq: number, key: string) => (problem: string) => problems.note(seq, key, problem)

  const checkFolded = (recorded: Recorded): Meaning => {
    const { record, seq, subject } = recorded
    const checker = checkers[subject.type]
    const key = keyOf(subject)
    const before = folds.get(subject) ?? nothing(recorded, checker.initial)
    const setAside = (why: string) => {
      aside.note(seq, key, why)
      newer.set(key, { seq, hash: record.hash })
    }
    const isNewer = newer.has(key)
    const note = noteOf(seq, key)
    const situation = { digest, checker, before, isDamaged, isNewer, note, setAside }
    const { after, events } = checkRecord(recorded, situation)
    checkPart(recorded, situation)
    folds.set(after)
    return meaningOf(recorded, { before, after, events })
  }

  /** Of an aggregate whose type only a newer program knows there is no more to be seen than its chain. */
  const checkUnknown = (recorded: Recorded<string>) => {
    const { record, seq, subject } = recorded
    const key = nameOf(recorded)
    const before = newer.get(key) ?? { seq: 0, hash: "" }
    checkChain(recorded, { digest, before, isDamaged, note: noteOf(seq, key) })
    aside.note(seq, key, `a newer program wrote it (an aggregate of type ${subject.type})`)
    newer.set(key, { seq, hash: record.hash })
  }

  return {
    folds,
    /** The lines that are no damage, and were not folded. */
    aside,
    /** True of aggregates that a newer program has changed: their folds are as of before. */
    isNewer: (key: string) => newer.has(key),
    check: (line: Line): Meaning => {
      if (isRecorded(line)) return checkFolded(line)
      if (!isStray(line)) {
        checkUnknown(line)
        return "parked"
      }
      aside.note(line.seq, nameOf(line), line.stray.reason)
      return "stray"
    },
  }
}

const meaningOf = (
  { record, seq, subject }: Recorded,
  { after, before, events }: { readonly before: Folded } & ReturnType<typeof checkRecord>,
): Meaning => {
  if (events === "set aside") return "parked"
  if (events === undefined || !after.isSound) return "unclear"
  // The type is the subject's, which chose what has read the events.
  const commit = { ...subject, seq, record, events, before: before.state, after: after.state }
  return commit as unknown as Commit
}

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
