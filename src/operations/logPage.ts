import { Effect, Stream } from "effect"
import type { Recorded } from "../domain/CommitRecord.ts"
import { type EventLog, LogUnavailable } from "../domain/EventLog.ts"
import { isStray, type Line } from "../domain/Line.ts"
import { type LogRecordBody, shownRecord } from "./logBodies.ts"

/** The most records that one request looks at, and how many bytes (about) it answers with at most. */
const LOOKED_AT = 10_000
const LARGEST = 1024 * 1024
const WITHIN = "10 seconds"

/** Matching records, and up to where the log was looked at for them: there the next page goes on. */
export interface LogPage {
  readonly records: ReadonlyArray<LogRecordBody>
  readonly upTo: number
  readonly isEnd: boolean
}

/** The first `limit` matching records after a position. A page may be empty although there are more. */
export const logPage = Effect.fnUntraced(function* (
  log: EventLog["Service"],
  after: number,
  { limit, matches }: { readonly limit: number; readonly matches: (recorded: Recorded<string>) => boolean },
) {
  const { last } = yield* log.head
  if (after >= last) return { records: [], upTo: last, isEnd: true } satisfies LogPage
  const end = Math.min(last, after + LOOKED_AT)
  const records: Array<LogRecordBody> = []
  let [upTo, bytes] = [after, 0]
  /** True if there is room for more. */
  const look = (line: Line): boolean => {
    upTo = line.seq
    if (!isStray(line) && matches(line)) {
      const shown = shownRecord(line)
      bytes += JSON.stringify(shown).length
      records.push(shown)
    }
    return upTo < end && records.length < limit && bytes < LARGEST
  }
  yield* log.follow(after).pipe(
    Stream.runForEachWhile((line) => Effect.sync(() => look(line))),
    Effect.timeoutOrElse({
      duration: WITHIN,
      orElse: () => Effect.fail(new LogUnavailable({ reason: `nothing within ${WITHIN}`, unknown: false })),
    }),
  )
  return { records, upTo, isEnd: upTo >= last } satisfies LogPage
})
