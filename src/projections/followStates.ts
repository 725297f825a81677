import { Effect, Schedule, Stream } from "effect"
import { type Evolving, fold } from "../domain/Aggregate.ts"
import type { Recorded } from "../domain/CommitRecord.ts"
import { Digest } from "../domain/Digest.ts"
import { EventLog } from "../domain/EventLog.ts"
import { historian } from "../domain/History.ts"

/**
 * Learns the state of every aggregate of one type: first as each is on the log now, then, in the background
 * until the scope ends, after each of its records. In the log's order, no record of an aggregate twice.
 */
export const followStates = Effect.fnUntraced(function* <State, Event>(
  aggregate: Evolving<State, Event>,
  learn: (id: string, seq: number, state: State) => Effect.Effect<void>,
) {
  const log = yield* EventLog
  const { asOf, eventsOf } = historian(aggregate, log, yield* Digest)
  const states = new Map<string, { readonly seq: number; readonly state: State }>()

  /** The state before a newer program's record stands until this node is that program, too. */
  const note = (recorded: Recorded) =>
    learnFrom(recorded).pipe(
      Effect.catchTag("NewerRecord", ({ message }) => {
        states.delete(recorded.subject.id)
        return Effect.logWarning(message)
      }),
    )

  const learnFrom = Effect.fnUntraced(function* (recorded: Recorded) {
    const { record, seq, subject } = recorded
    const before = states.get(subject.id)
    if (before !== undefined && seq <= before.seq) return
    const state =
      before?.seq === record.prev
        ? fold(aggregate, yield* eventsOf(recorded), { seq, at: record.at }, before.state)
        : (yield* asOf(recorded)).state
    states.set(subject.id, { seq, state })
    yield* learn(subject.id, seq, state)
  })

  const known = yield* log.newest(aggregate.type)
  yield* Effect.forEach(known, note, { discard: true })
  yield* log.followType(aggregate.type, known.at(-1)?.seq ?? 0).pipe(
    Stream.runForEach(note),
    Effect.tapError((error) => Effect.logWarning(`reading the ${aggregate.type}s on the log again`, error)),
    Effect.retry(Schedule.spaced("500 millis")),
    Effect.orDie,
    Effect.forkScoped,
  )
})
