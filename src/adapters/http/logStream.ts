import { Duration, Stream } from "effect"
import type { Recorded } from "../../domain/CommitRecord.ts"
import type { EventLog } from "../../domain/EventLog.ts"
import { shownRecord } from "./logBodies.ts"

/** How often a quiet stream says that it lives, and how far it has looked. */
const BEAT: Duration.Input = "15 seconds"
/** Written at once at most, so that a slow reader is waited for. */
const AT_ONCE = 16

export interface LogStreamOptions {
  readonly matches: (recorded: Recorded) => boolean
  /** Asked before each event: the stream ends when the reader may read no more. */
  readonly isAllowed: () => boolean
  /** Something has changed about who may read. */
  readonly changes: Stream.Stream<unknown>
  readonly beat?: Duration.Input
}

type Item = Recorded | "beat" | "look"

const eventOf = (recorded: Recorded): string =>
  `id: ${recorded.seq}\nevent: record\ndata: ${JSON.stringify(shownRecord(recorded))}\n\n`

/**
 * The log after a position as server-sent events, for ever. What is read is no faster than what is taken. Between
 * matching records the position moves on by itself, so that who comes again need not look at all of it anew.
 */
export const logStream = (
  log: EventLog["Service"],
  after: number,
  { beat = BEAT, changes, isAllowed, matches }: LogStreamOptions,
): Stream.Stream<string> =>
  Stream.suspend(() => {
    // Known here, behind the merge: no beat may name a position whose record is still on its way.
    let position = after
    const textOf = (item: Item): string => {
      if (item === "look") return ""
      if (item === "beat") return `id: ${position}\n: at ${position}\n\n`
      position = item.seq
      return matches(item) ? eventOf(item) : ""
    }
    const records: Stream.Stream<Item, Effect.Error> = log.follow(after).pipe(Stream.rechunk(AT_ONCE))
    return records
  })
