import { Effect, Schema } from "effect"
import { isAggregateType } from "../domain/Aggregate.ts"
import type { Recorded } from "../domain/CommitRecord.ts"
import type { Digest } from "../domain/Digest.ts"
import type { EventLog } from "../domain/EventLog.ts"
import { isRecorded, isStray, type Line, nameOf, type Stray } from "../domain/Line.ts"
import { eventName, isChained, newerEvent } from "../domain/newer.ts"
import { kinds } from "./Commit.ts"
import type { Parked } from "./Store.ts"

/** A batch that can't be projected as it is, and not because of an outage. Nothing of it was written. */
export class BatchRefused extends Schema.TaggedError<BatchRefused>()("BatchRefused", {
  /** The last sequence of the batch. */
  upTo: Schema.Int,
  reason: Schema.String,
}) {}

/** The lines of a batch by what becomes of them. */
export interface Sifted {
  readonly records: ReadonlyArray<Recorded>
  /** Records of a newer program, and those that wait behind a parked one. */
  readonly park: ReadonlyArray<Parked>
  readonly strays: ReadonlyArray<Stray>
}

export interface Sifting {
  readonly log: EventLog["Service"]
  readonly digest: Pick<Digest["Service"], "sha256">
  /** The first parked record of each aggregate that has any: later ones wait behind it. */
  readonly parked: Map<string, number>
}

/** Reasons for which records are parked without a fault of theirs; the first is followed by more in parentheses. */
export const NEWER = "a newer program wrote it"
export const BEHIND = "waits behind an earlier record of its aggregate"

/** The part of a record that only a newer program can read, if there is one. */
const newerIn = ({ record, subject }: Recorded<string>): string | undefined => {
  if (!isAggregateType(subject.type)) return `an aggregate of type ${subject.type}`
  const event = newerEvent(kinds[subject.type].versions, record.events)
  return event && eventName(event)
}

/** Sorts a batch, and notes in `parked` which aggregates a newer program has changed from now on. */
export const sift = Effect.fnUntraced(function* (
  { digest, log, parked }: Sifting,
  lines: ReadonlyArray<Line>,
) {
  const records: Array<Recorded> = []
  const park: Array<Parked> = []
  const strays: Array<Stray> = []
  for (const line of lines) {
    if (isStray(line)) {
      strays.push(line)
      continue
    }
    if (parked.size > 0 && line.seq > (parked.get(nameOf(line)) ?? Infinity)) {
      park.push({ recorded: line, error: BEHIND })
      continue
    }
    const newer = newerIn(line)
    if (newer !== undefined && (yield* isChained(log, digest, line))) {
      parked.set(nameOf(line), line.seq)
      park.push({ recorded: line, error: `${NEWER} (${newer})` })
    } else if (isRecorded(line)) {
      records.push(line)
    } else {
      const reason = `neither its type (${line.subject.type}) is known nor its hash right`
      return yield* new BatchRefused({ upTo: lines.at(-1)?.seq ?? 0, reason })
    }
  }
  return { records, park, strays } satisfies Sifted
})
