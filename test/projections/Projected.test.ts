import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Stream } from "effect"
import { TestClock } from "effect/testing"
import { Projected } from "../../src/projections/Projected.ts"
import { ReadModel, ReadModelUnavailable } from "../../src/projections/ReadModel.ts"
import { LocalAnnouncements, NoAnnouncements } from "./announcing.ts"
import { Announcements } from "../../src/projections/Announcements.ts"

/** A read model of which only the position is asked. */
const model = (standing: ReadModel["Service"]["standing"]) =>
  Layer.succeed(ReadModel, { standing } as ReadModel["Service"])

const at = (seq: number) => model(Effect.succeed({ seq, log: "log", hash: "", parked: 0 }))
const away = model(Effect.fail(new ReadModelUnavailable({ reason: "test" })))

describe("who waits for a position", () => {
  it.effect("a reader who waits hears of it by announcement", () =>
    Effect.gen(function* () {
      const projected = yield* Projected
      const announcements = yield* Announcements
      const waiting = yield* Effect.forkChild(projected.reached(7, "500 millis"))
      yield* TestClock.adjust("1 millis")
      yield* announcements.publish(6)
      yield* TestClock.adjust("1 millis")
      assert.isUndefined(waiting.pollUnsafe())
      yield* announcements.publish(8)
      yield* TestClock.adjust("1 millis")
      assert.isTrue(yield* Fiber.join(waiting))
      assert.isTrue(yield* projected.reached(8, "0 millis"))
      assert.strictEqual(yield* projected.current, 8)
    }).pipe(
      Effect.provide(Projected.layer.pipe(Layer.provideMerge(LocalAnnouncements), Layer.provide(away))),
    ),
  )

  it.effect("a reader who waits asks the checkpoint when announcements are lost", () =>
    Effect.gen(function* () {
      let seq = 0
      let asked = 0
      const standing = Effect.sync(() => {
        asked += 1
        return { seq, log: "log", hash: "", parked: 0 }
      })
      yield* Effect.gen(function* () {
        const projected = yield* Projected
        const waiting = yield* Effect.forkChild(projected.reached(7, "500 millis"))
        yield* TestClock.adjust("200 millis")
        assert.isUndefined(waiting.pollUnsafe())
        seq = 7
        yield* TestClock.adjust("200 millis")
        assert.isTrue(yield* Fiber.join(waiting))
        yield* TestClock.adjust("200 millis")
        const before = asked
        yield* TestClock.adjust("1 minute")
        assert.strictEqual(asked, before, "nobody waits, nobody asks")
      }).pipe(Effect.provide(Projected.layer.pipe(Layer.provide([NoAnnouncements, model(standing)]))))
    }),
  )

  it.effect("a reader who waits is told when it takes too long, also while the read model is away", () =>
    Effect.gen(function* () {
      const projected = yield* Projected
      const waiting = yield* Effect.forkChild(projected.reached(7, "500 millis"))
      yield* TestClock.adjust("500 millis")
      assert.isFalse(yield* Fiber.join(waiting))
    }).pipe(Effect.provide(Projected.layer.pipe(Layer.provide([NoAnnouncements, away])))),
  )

  it.effect("a reader who waits sees changes, and only the latest after a pause", () =>
    Effect.gen(function* () {
      const projected = yield* Projected
      yield* projected.note(3)
      const seen = yield* projected.changes.pipe(
        Stream.tap(() => Effect.sleep("1 second")),
        Stream.take(3),
        Stream.runCollect,
        Effect.forkChild,
      )
      yield* TestClock.adjust("1 millis")
      for (const seq of [4, 5, 6, 5]) yield* projected.note(seq)
      yield* TestClock.adjust("1 second")
      yield* projected.note(7)
      yield* TestClock.adjust("3 seconds")
      assert.deepStrictEqual(yield* Fiber.join(seen), [3, 6, 7])
    }).pipe(Effect.provide(Projected.layer.pipe(Layer.provide([NoAnnouncements, at(0)])))),
  )

  it.effect("a reader who waits makes the projector go on at once", () =>
    Effect.gen(function* () {
      const projected = yield* Projected
      yield* TestClock.adjust("1 second")
      const undisturbed = yield* Effect.forkChild(projected.lull, { startImmediately: true })
      yield* TestClock.adjust("1 millis")
      assert.isUndefined(undisturbed.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      yield* Fiber.join(undisturbed)

      const lull = yield* Effect.forkChild(projected.lull, { startImmediately: true })
      yield* Effect.forkChild(projected.reached(7, "500 millis"), { startImmediately: true })
      yield* Fiber.join(lull)
      yield* projected.lull
    }).pipe(Effect.provide(Projected.layer.pipe(Layer.provide([NoAnnouncements, at(0)])))),
  )
})
