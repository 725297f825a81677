import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, type Layer, Stream } from "effect"
import { EventLog } from "../../src/domain/EventLog.ts"
import { isRecorded } from "../../src/domain/Line.ts"
import { freshSubject, recordOf } from "../support/records.ts"

/** The contract of every EventLog, run for the one in memory and for JetStream. */
export const eventLogContract = <E>(name: string, layer: Layer.Layer<EventLog, E>) =>
  describe(`EventLog contract: ${name}`, () => {
    const live = <A, E2>(title: string, test: Effect.Effect<A, E2, EventLog>) =>
      it.live(title, () => Effect.provide(test, layer))

    live(
      "stores a record once its guard holds, and gives it back",
      Effect.gen(function* () {
        const log = yield* EventLog
        const subject = freshSubject()
        const record = recordOf(0)
        const { seq, duplicate } = yield* log.append({ subject, guard: 0, record })
        assert.isFalse(duplicate)
        assert.deepStrictEqual(yield* log.last(subject), { seq, subject, record })
        assert.deepStrictEqual(yield* log.at(seq), { seq, subject, record })
        assert.deepStrictEqual(yield* log.line(seq), { seq, subject, record })
      }),
    )

    live(
      "stores a record without events like any other",
      Effect.gen(function* () {
        const log = yield* EventLog
        const subject = freshSubject()
        const first = yield* log.append({ subject, guard: 0, record: recordOf(0) })
        const record = recordOf(first.seq, { command: "ada:again", events: [] })
        const { seq } = yield* log.append({ subject, guard: first.seq, record })
        assert.deepStrictEqual(yield* log.last(subject), { seq, subject, record })
        for (const parts of ["whole", "events"] as const) {
          const [followed] = yield* log.follow(seq - 1, parts).pipe(Stream.take(1), Stream.runCollect)
          assert.deepStrictEqual(followed, { seq, subject, record })
        }
        const error = yield* Effect.flip(
          log.append({ subject, guard: first.seq, record: recordOf(first.seq) }),
        )
        assert.strictEqual(error._tag, "WrongGuard")
      }),
    )

    live(
      "refuses a guard that is not the newest record's, whether too old or made up",
      Effect.gen(function* () {
        const log = yield* EventLog
        const subject = freshSubject()
        const { seq } = yield* log.append({ subject, guard: 0, record: recordOf(0) })
        const before = yield* log.head
        for (const guard of [0, seq + 1]) {
          const error = yield* Effect.flip(log.append({ subject, guard, record: recordOf(guard) }))
          assert.strictEqual(error._tag, "WrongGuard")
        }
        assert.strictEqual((yield* log.last(subject))?.seq, seq)
        assert.isAtLeast((yield* log.head).last, before.last)
      }),
    )

    live(
      "lets exactly one of many writers with one guard through",
      Effect.gen(function* () {
        const log = yield* EventLog
        const subject = freshSubject()
        const tries = yield* Effect.forEach(
          Array.from({ length: 20 }),
          () => Effect.exit(log.append({ subject, guard: 0, record: recordOf(0) })),
          { concurrency: "unbounded" },
        )
        assert.strictEqual(tries.filter((exit) => exit._tag === "Success").length, 1)
      }),
    )

    live(
      "knows nothing of what was never stored",
      Effect.gen(function* () {
        const log = yield* EventLog
        assert.isUndefined(yield* log.last(freshSubject()))
        const { last } = yield* log.head
        assert.isUndefined(yield* log.at(last + 1_000_000))
        assert.isUndefined(yield* log.line(last + 1_000_000))
      }),
    )

    live(
      "holds records of a type that this program does not know, as lines and as nothing else",
      Effect.gen(function* () {
        const log = yield* EventLog
        const subject = { type: "sprint", id: freshSubject().id }
        const record = recordOf(0)
        const { seq } = yield* log.append({ subject, guard: 0, record })
        assert.deepStrictEqual(yield* log.line(seq), { seq, subject, record })
        assert.isUndefined(yield* log.at(seq))
        const [line] = yield* log.follow(seq - 1).pipe(Stream.take(1), Stream.runCollect)
        assert.deepStrictEqual(line, { seq, subject, record })
      }),
    )

    live(
      "refuses a record that is too large, and stores nothing of it",
      Effect.gen(function* () {
        const log = yield* EventLog
        const subject = freshSubject()
        const record = recordOf(0, { events: [{ _tag: "TaskChanged", v: 1, text: "x".repeat(300_000) }] })
        assert.strictEqual(
          (yield* Effect.flip(log.append({ subject, guard: 0, record })))._tag,
          "RecordTooLarge",
        )
        assert.isUndefined(yield* log.last(subject))
      }),
    )

    live(
      "follows from a position without a hole, then live",
      Effect.gen(function* () {
        const log = yield* EventLog
        const { last } = yield* log.head
        const subjects = Array.from({ length: 30 }, () => freshSubject())
        const append = (half: ReadonlyArray<(typeof subjects)[number]>) =>
          Effect.forEach(half, (subject) => log.append({ subject, guard: 0, record: recordOf(0) }))
        yield* append(subjects.slice(0, 15))
        const ours = new Set(subjects.map(({ id }) => id))
        const following = yield* log.follow(last).pipe(
          Stream.mapAccum(
            () => last,
            (previous, recorded) => {
              assert.strictEqual(recorded.seq, previous + 1)
              return [recorded.seq, [recorded]] as const
            },
          ),
          Stream.filter(isRecorded),
          Stream.filter(({ subject }) => ours.has(subject.id)),
          Stream.take(30),
          Stream.runCollect,
          Effect.forkChild,
        )
        yield* append(subjects.slice(15))
        const seen = yield* Fiber.join(following)
        assert.deepStrictEqual(
          seen.map(({ subject }) => subject.id),
          subjects.map(({ id }) => id),
        )
      }),
    )

    live(
      "gives the newest record of every aggregate of a type, and follows that type alone",
      Effect.gen(function* () {
        const log = yield* EventLog
        const [a, b, other] = [freshSubject("presence"), freshSubject("presence"), freshSubject("task")]
        const first = yield* log.append({ subject: a, guard: 0, record: recordOf(0) })
        yield* log.append({ subject: b, guard: 0, record: recordOf(0) })
        const second = yield* log.append({ subject: a, guard: first.seq, record: recordOf(first.seq) })
        const newest = (yield* log.newest("presence")).filter(({ subject }) =>
          [a.id, b.id].includes(subject.id),
        )
        assert.deepStrictEqual(
          newest.map(({ subject }) => subject.id),
          [b.id, a.id],
        )
        const following = yield* log
          .followType("presence", second.seq)
          .pipe(Stream.take(1), Stream.runCollect, Effect.forkChild)
        yield* log.append({ subject: other, guard: 0, record: recordOf(0) })
        const third = yield* log.append({ subject: a, guard: second.seq, record: recordOf(second.seq) })
        assert.deepStrictEqual(
          (yield* Fiber.join(following)).map(({ seq }) => seq),
          [third.seq],
        )
      }),
    )
  })
