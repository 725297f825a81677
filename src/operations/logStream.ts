import { type Duration, Stream } from "effect"
import type { Recorded } from "../domain/CommitRecord.ts"
import type { EventLog, LogDamaged, LogUnavailable } from "../domain/EventLog.ts"
import { isStray, type Line } from "../domain/Line.ts"
import { shownRecord } from "./logBodies.ts"

/** The time between two signs of life of a quiet stream, which tell how far it has looked. */
const BEAT: Duration.Input = "15 seconds"
/** The wait of a reader whose stream ended, in milliseconds. */
const RETRY = 1_000

interface LogStreamOptions {
  readonly matches: (recorded: Recorded<string>) => boolean
  /** Asked before each event: the stream ends when the reader may read no more. */
  readonly isAllowed: () => boolean
  /** Something has changed about who may read. */
  readonly changes: Stream.Stream<unknown>
  readonly beat?: Duration.Input
}

type Item = Line | "beat" | "look"

const eventOf = (recorded: Recorded<string>): string =>
  `id: ${recorded.seq}\nevent: record\ndata: ${JSON.stringify(shownRecord(recorded))}\n\n`

const ended = ({ message }: LogDamaged | LogUnavailable): string =>
  `event: error\ndata: ${JSON.stringify({ detail: message })}\n\n`

/**
 * The log after a position as server-sent events, one at a time: no more is read than is taken. Between matching
 * records the position moves on by itself, so that who comes again need not look at all of it anew. Never ends
 * by itself, unless the log is damaged.
 */
export const logStream = (
  log: EventLog["Service"],
  after: number,
  { beat = BEAT, changes, isAllowed, matches }: LogStreamOptions,
): Stream.Stream<string> =>
  Stream.suspend(() => {
    // Kept behind the merge: no beat may name a position whose record is still on its way.
    let position = after
    const textOf = (item: Item): string => {
      if (item === "look") return ""
      if (item === "beat") return `: at ${position}\nid: ${position}\n\n`
      position = item.seq
      return !isStray(item) && matches(item) ? eventOf(item) : ""
    }
    const beats = Stream.map(Stream.tick(beat), (): Item => "beat")
    const looks = Stream.map(changes, (): Item => "look")
    const records: Stream.Stream<Item, LogDamaged | LogUnavailable> = log.follow(after)
    return records.pipe(
      Stream.merge(beats),
      Stream.merge(looks),
      // One by one: a reader that is slow is waited for after each.
      Stream.flatMap((item) => Stream.succeed(item)),
      Stream.takeWhile(isAllowed),
      Stream.map(textOf),
      Stream.filter((text) => text !== ""),
      Stream.prepend([`retry: ${RETRY}\n\n`]),
      Stream.catch((error) => Stream.succeed(ended(error))),
    )
  })
