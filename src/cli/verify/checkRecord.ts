import { chained, type Recorded } from "../../domain/CommitRecord.ts"
import type { Digest } from "../../domain/Digest.ts"
import { remember } from "../../domain/History.ts"
import { eventName, newerEvent } from "../../domain/newer.ts"
import { isSame } from "./canonical.ts"
import type { Checker } from "./checkers.ts"
import type { Folded } from "./Folds.ts"

interface ChainSituation {
  readonly digest: Digest["Service"]
  /** The aggregate right before the record. */
  readonly before: Pick<Folded, "seq" | "hash">
  /** True where the record at a position is there but can't be read, or is missing. */
  readonly isDamaged: (seq: number) => boolean
  readonly note: (problem: string) => void
}

interface Situation extends ChainSituation {
  readonly checker: Checker
  readonly before: Folded
  /** True when a newer program changed the aggregate before. */
  readonly isNewer: boolean
  /** The listener to a record that is not folded though no fault is in it. */
  readonly setAside: (why: string) => void
}

/** An aggregate right after a record, and the record's events; none where they can't be read or were set aside. */
interface Checked {
  readonly after: Folded
  readonly events: ReadonlyArray<unknown> | "set aside" | undefined
}

/** Compares one record with everything before it, and gives its aggregate right after it. */
export const checkRecord = (recorded: Recorded, situation: Situation): Checked => {
  const { before, checker, isNewer, note, setAside } = situation
  const { record, seq, subject } = recorded
  const { follows, isRight } = checkChain(recorded, situation)
  if (record.causation !== null && record.causation >= seq) {
    note(`names record ${record.causation} as its cause, which does not come before it`)
  }
  if (before.remembered.some(({ id }) => id === record.command)) {
    note("holds a command that an earlier record of this aggregate holds already")
  }
  const { command: id, fingerprint, hash } = record
  const remembered = remember(before.remembered, { id, fingerprint, seq })
  const version = record.events.length === 0 ? before.version : seq
  const after = { subject, seq, version, hash, remembered }
  const newer = newerEvent(checker.versions, record.events)
  if (isNewer || (newer !== undefined && isRight)) {
    setAside(newer === undefined ? BEHIND : `a newer program wrote it (${eventName(newer)})`)
    return { after: { ...after, isSound: false, state: before.state }, events: "set aside" }
  }
  try {
    const events = checker.decode(record)
    const isSound = before.isSound && follows
    if (isSound) checkSnapshot(recorded, events, situation)
    const state = checker.advance(events, before.state, seq, record.at)
    return { after: { ...after, isSound, state }, events }
  } catch (error) {
    note(`its events are not what their Schema says: ${reasonOf(error)}`)
    return { after: { ...after, isSound: false, state: before.state }, events: undefined }
  }
}

const BEHIND = "an earlier record of its aggregate is a newer program's"

/**
 * Tells whether the record follows the newest of its aggregate, and whether its hash is right. What is not is noted;
 * the hash is relied on no further.
 */
export const checkChain = (
  { record }: Recorded<string>,
  { before, digest, isDamaged, note }: ChainSituation,
): { readonly follows: boolean; readonly isRight: boolean } => {
  if (record.prev !== before.seq) {
    note(
      isDamaged(record.prev)
        ? `follows record ${record.prev}, which is damaged: its hash and its state can't be checked`
        : `names record ${record.prev} as its predecessor, but that is ${before.seq === 0 ? "none: it is the first" : before.seq}`,
    )
    return { follows: false, isRight: false }
  }
  const isRight = record.hash === digest.sha256(chained(before.hash, record))
  if (!isRight) {
    note("its hash does not fit its content and its predecessor: one of them was changed or forged")
  }
  return { follows: true, isRight }
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
  if (record.events.length === 0 && snapshot.version !== before.version)
    note("its snapshot names another version than the fold")
}

const reasonOf = (error: unknown) => (error instanceof Error ? error.message : String(error))
