import { Effect } from "effect"
import type { Recorded } from "../domain/CommitRecord.ts"
import { Digest } from "../domain/Digest.ts"
import { EventLog, LogDamaged } from "../domain/EventLog.ts"
import { historian } from "../domain/History.ts"
import { Task, type TaskEvent } from "../domain/Task.ts"
import { type HistoryEntry, type Page, type FrameSeq, ReadModel, type Seen, type Slice } from "./ReadModel.ts"

const AT_ONCE = 16

const isAfter = ({ idx, seq }: FrameSeq, place: FrameSeq): boolean =>
  seq > place.seq || (seq === place.seq && idx > place.idx)

const entriesOf = (
  { record, seq }: Recorded,
  events: ReadonlyArray<TaskEvent>,
): ReadonlyArray<HistoryEntry> => {
  const { actor, at, causation, command, correlation } = record
  return events.map(({ _tag: event, v: _, ...data }, idx) => ({
    seq,
    idx,
    event,
    data: data as HistoryEntry["data"],
    actor,
    at,
    command,
    correlation,
    causation,
  }))
}

/**
 * A task's records from the newest of those that the page is about down to `after`, each named by the one behind it.
 * Those that the tables name are read at once, so that the walk finds them in memory.
 */
const recordsOf = Effect.fnUntraced(function* (
  id: string,
  after: number,
  { seq, value: { next, rows } }: Seen<Page<HistoryEntry, FrameSeq>>,
) {
  const log = yield* EventLog
  const isOfTask = (found: Recorded | undefined) => found?.subject.type === "task" && found.subject.id === id
  const named = [...new Set(rows.map((row) => row.seq))]
  const found = yield* Effect.forEach(named, log.at, { concurrency: AT_ONCE })
  const known = new Map(
    found.flatMap((record) => (record !== undefined && isOfTask(record) ? [[record.seq, record]] : [])),
  )
  const last = next === undefined ? undefined : known.get(Math.max(...known.keys()))
  let record = last ?? (yield* log.last({ type: "task", id }))
  const told: Array<Recorded> = []
  while (record !== undefined && record.seq > after) {
    if (record.seq <= seq) told.push(record)
    const { prev } = record.record
    if (prev <= after) break
    const before: Recorded | undefined = known.get(prev) ?? (yield* log.at(prev))
    if (!isOfTask(before)) {
      const reason = `its predecessor ${prev} of task.${id} is missing or another aggregate's`
      return yield* new LogDamaged({ seq: record.seq, reason })
    }
    record = before
  }
  return told.toReversed()
})

/**
 * A page of a task's history as the log tells it. The tables say only where to look: a row that was changed, added
 * or taken away there changes nothing here.
 */
export const provenHistory = Effect.fn("provenHistory")(function* (id: string, slice: Slice<FrameSeq>) {
  const page = yield* ReadModel.use((model) => model.history(id, slice))
  const { after = { seq: 0, idx: -1 }, limit } = slice
  const log = yield* EventLog
  const { eventsOf } = historian(Task, log, yield* Digest)
  const entriesIn = Effect.fnUntraced(function* (found: typeof page) {
    const rows: Array<HistoryEntry> = []
    // The rest of the record that the last page ended in belongs to this one.
    for (const record of yield* recordsOf(id, Math.max(0, after.seq - 1), found)) {
      // A newer program's record is parked: the tables do not show it either.
      const events = yield* eventsOf(record).pipe(Effect.catchTag("NewerRecord", () => Effect.succeed([])))
      rows.push(...entriesOf(record, events).filter((entry) => isAfter(entry, after)))
    }
    return rows
  })
  const found = yield* entriesIn(page)
  const isNothing = found.length === 0 && page.value.next !== undefined
  // Nothing on this page is true: the log alone knows what comes next.
  const rows = isNothing ? yield* entriesIn({ ...page, value: { rows: [], next: undefined } }) : found
  const shown = rows.slice(0, limit)
  const { idx = 0, seq = 0 } = shown.at(-1) ?? {}
  const isMore = rows.length > limit || (page.value.next !== undefined && shown.length > 0)
  return { seq: page.seq, value: { rows: shown, next: isMore ? { seq, idx } : undefined } }
})
