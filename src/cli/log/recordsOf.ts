import { Effect, Option, Stream } from "effect"
import type { Recorded, Subject } from "../../domain/CommitRecord.ts"
import { EventLog, LogDamaged } from "../../domain/EventLog.ts"

/** Every record of an aggregate, newest first: each names the one before. */
export const backThrough = (subject: Subject) =>
  Stream.unwrap(
    Effect.gen(function* () {
      const log = yield* EventLog
      const before = Effect.fnUntraced(function* ({ record: { prev }, seq }: Recorded) {
        if (prev === 0) return Option.none<Recorded>()
        if (prev >= seq) return yield* new LogDamaged({ seq, reason: `follows record ${prev}` })
        return Option.fromUndefinedOr(yield* log.at(prev))
      })
      const newest = yield* log.last(subject)
      if (newest === undefined) return Stream.empty
      return Stream.paginate(newest, (recorded: Recorded) =>
        Effect.map(before(recorded), (next) => [[recorded], next] as const),
      )
    }),
  )

/** Every record of an aggregate, oldest first. */
export const recordsOf = (subject: Subject) =>
  Effect.map(Stream.runCollect(backThrough(subject)), (records) => records.toReversed())
