import { Effect, Layer, Stream, SubscriptionRef } from "effect"
import type { Recorded, Subject } from "../../domain/CommitRecord.ts"
import { EventLog, RecordTooLarge, WrongGuard } from "../../domain/EventLog.ts"
import { isRecorded } from "../../domain/Line.ts"
import { bytesOf } from "../../domain/SnapshotParts.ts"

const LARGEST = 256 * 1024

/** The log in memory, for unit tests. Keeps the contract of the real one (test/contracts/EventLog.ts). */
export const layer = Layer.effect(
  EventLog,
  Effect.gen(function* () {
    const log: Array<Recorded<string>> = []
    const size = yield* SubscriptionRef.make(0)
    const is = (subject: Subject<string>) => (line: Recorded<string>) =>
      line.subject.type === subject.type && line.subject.id === subject.id

    const changes = (after: number) =>
      Stream.suspend(() => {
        let read = after
        return SubscriptionRef.changes(size).pipe(
          Stream.flatMap((end) => {
            const next = log.slice(read, end)
            read = Math.max(read, end)
            return Stream.fromIterable(next)
          }),
        )
      })

    return EventLog.of({
      append: Effect.fnUntraced(function* ({ guard, record, subject }) {
        const bytes = bytesOf(JSON.stringify(record))
        if (bytes > LARGEST) return yield* new RecordTooLarge({ bytes })
        const own = log.filter(is(subject))
        const last = own.at(-1)?.seq ?? 0
        if (last !== guard) return yield* new WrongGuard({ subject: `${subject.type}.${subject.id}`, guard })
        const same = own.find((line) => line.record.command === record.command)
        if (same !== undefined) return { seq: same.seq, duplicate: true }
        log.push({ seq: log.length + 1, subject, record })
        yield* SubscriptionRef.set(size, log.length)
        return { seq: log.length, duplicate: false }
      }),
      last: (subject) => Effect.sync(() => log.filter(isRecorded).findLast(is(subject))),
      at: (seq) => Effect.sync(() => log.filter(isRecorded).find((line) => line.seq === seq)),
      line: (seq) => Effect.sync(() => log[seq - 1]),
      follow: changes,
      newest: (type) =>
        Effect.sync(() =>
          log
            .filter(isRecorded)
            .filter((line) => line.subject.type === type && log.findLast(is(line.subject)) === line),
        ),
      followType: (type, after) =>
        changes(after).pipe(
          Stream.filter(isRecorded),
          Stream.filter((line) => line.subject.type === type),
        ),
      head: Effect.sync(() => ({ epoch: "memory", first: log.length === 0 ? 0 : 1, last: log.length })),
    })
  }),
)
