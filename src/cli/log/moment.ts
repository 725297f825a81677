import { Effect } from "effect"
import { EventLog, type LogDamaged, type LogUnavailable } from "../../domain/EventLog.ts"
import { isStray } from "../../domain/Line.ts"
import { CommandFailed, WrongUsage } from "../CommandFailed.ts"

const TIME = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(?::(\d\d)(?:\.(\d+))?)?(Z|[+-]\d\d:\d\d)?)?$/i

/** The form of moments, for help texts. */
export const MOMENT = "Position, or time such as 2026-11-20T14:30 (UTC unless it says +01:00)"

/** The time as records have it, of RFC 3339 with any number of digits; undefined for what is none. */
const instantOf = (text: string): string | undefined => {
  const [, day, minute = "00:00", second = "00", fraction = "0", zone = "Z"] = TIME.exec(text) ?? []
  if (day === undefined) return undefined
  const time = new Date(
    `${day}T${minute}:${second}.${fraction.slice(0, 3).padEnd(3, "0")}${zone.toUpperCase()}`,
  )
  return Number.isNaN(time.getTime()) ? undefined : time.toISOString()
}

/** The time of the record at a position, of the one before where a stray message stands; undefined beyond the end. */
export const timeAt: (
  log: EventLog["Service"],
  seq: number,
) => Effect.Effect<string | undefined, LogUnavailable | LogDamaged> = Effect.fnUntraced(function* (log, seq) {
  if (seq === 0) return ""
  const line = yield* log.line(seq)
  return line !== undefined && isStray(line) ? yield* timeAt(log, seq - 1) : line?.record.at
})

/**
 * The last position before the first record that is later than a time. Looked for from the beginning in
 * growing steps, so that the answer stays the same while the log grows, also where the clocks of two nodes
 * disagreed by a moment.
 */
export const newestAt = Effect.fnUntraced(function* (time: string) {
  const log = yield* EventLog
  const isThen = (seq: number) => Effect.map(timeAt(log, seq), (at) => at !== undefined && at <= time)
  let [before, after] = [0, 1]
  while (yield* isThen(after)) [before, after] = [after, after * 2]
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2)
    if (yield* isThen(middle)) before = middle
    else after = middle
  }
  return before
})

/** The position that somebody means: named itself, or by a time. 0 is before the first record. */
export const positionOf = Effect.fnUntraced(function* (moment: string) {
  if (/^\d{1,15}$/.test(moment)) {
    const seq = Number(moment)
    const { first, last } = yield* (yield* EventLog).head
    if (seq <= last) return seq
    return yield* new CommandFailed({
      message: `there is no record ${seq}: the log goes from ${first} to ${last}`,
    })
  }
  const time = instantOf(moment)
  if (time !== undefined) return yield* newestAt(time)
  return yield* new WrongUsage({
    message: `${moment} is no moment. Name a position, or a time such as 2026-11-20T14:30.`,
  })
})
