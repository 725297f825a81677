import { chained, type Recorded } from "../../domain/CommitRecord.ts"
import type { Digest } from "../../domain/Digest.ts"
import { remember } from "../../domain/History.ts"
import { isSame } from "./canonical.ts"
import type { Checker } from "./checkers.ts"
import type { Folded } from "./Folds.ts"

interface Situation {
  readonly digest: Digest["Service"]
  readonly checker: Checker
  /** The aggregate right before the record. */
  readonly before: Folded
  /** Answers whether the record at a position is missing, or is there but can't be read. */
  readonly isDamaged: (seq: number) => boolean
  readonly note: (problem: string) => void
}

/** Compares one record with everything before it, and gives its aggregate right after it. */
export const checkRecord = (recorded: Recorded, situation: Situation): Folded => {
  const { before, checker, note } = situation
  const { record, seq, subject } = recorded
  const follows = checkChain(recorded, situation)
  if (record.causation !== null && record.causation >= seq) {
    note(`names record ${record.causation} as its cause, which does not come before it`)
  }
  if (before.remembered.some(({ id }) => id === record.command)) {
    note("holds a command that an earlier record of this aggregate holds already")
  }
  const { command: id, fingerprint, hash } = record
  const remembered = remember(before.remembered, { id, fingerprint, seq })
  const after = { subject, seq, hash, remembered }
  try {
    const events = checker.decode(record)
    const isSound = before.isSound && follows
    if (isSound) checkSnapshot(recorded, events, situation)
    return { ...after, isSound, state: checker.advance(events, before.state, seq, record.at) }
  } catch (error) {
    note(`its events are not what their Schema says: ${reasonOf(error)}`)
    return { ...after, isSound: false, state: before.state }
  }
}

/** Answers whether the record follows the newest of its aggregate. A wrong hash is noted, and relied on no further. */
const checkChain = ({ record }: Recorded, { before, digest, isDamaged, note }: Situation): boolean => {
  if (record.prev !== before.seq) {
    note(
      isDamaged(record.prev)
        ? `follows record ${record.prev}, which is damaged: its hash and its state can't be checked`
        : `names record ${record.prev} as its predecessor, but that is ${before.seq === 0 ? "none: it is the first" : before.seq}`,
    )
    return false
  }
  if (record.hash !== digest.sha256(chained(before.hash, record))) {
    note("its hash does not fit its content and its predecessor: one of them was changed or forged")
  }
  return true
}

const checkSnapshot = (
  { record }: Recorded,
  events: ReadonlyArray<unknown>,
  { before, checker, note }: Situation,
) => {
  const { snapshot } = record
  if (snapshot === undefined || snapshot.fold !== checker.fold) return
  // A snapshot can't know its own position yet: 0 stands for it.
  const state = checker.encode(checker.advance(events, before.state, 0, record.at))
  if (!isSame(snapshot.state, state)) note("its snapshot's state is not that of the fold")
  if (!isSame(snapshot.commands, before.remembered))
    note("its snapshot remembers other commands than the fold")
}

const reasonOf = (error: unknown) => (error instanceof Error ? error.message : String(error))
