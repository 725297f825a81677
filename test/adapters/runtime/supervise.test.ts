import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Schema } from "effect"
import { TestClock } from "effect/testing"
import { supervise } from "../../../src/adapters/runtime/supervise.ts"

class Broken extends Schema.TaggedError<Broken>()("Broken", { message: Schema.String }) {}

/** A server whose runs end, or whose starts fail, as the test says. */
const scripted = Effect.gen(function* () {
  const script = { starts: 0, stops: 0, isBroken: false, end: yield* Deferred.make<string>() }
  const start = Effect.gen(function* () {
    script.starts += 1
    if (script.isBroken) return yield* new Broken({ message: "no luck" })
    script.end = yield* Deferred.make<string>()
    yield* Effect.addFinalizer(() => Effect.sync(() => void (script.stops += 1)))
    return { over: Deferred.await(script.end) }
  })
  return { script, start }
})

describe("a supervised server", () => {
  it.effect("a supervised server fails its caller when the first start fails", () =>
    Effect.gen(function* () {
      const { script, start } = yield* scripted
      script.isBroken = true
      const failure = yield* Effect.flip(supervise("server", start))
      assert.strictEqual(failure.message, "no luck")
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(script.starts, 1)
    }),
  )

  it.effect("a supervised server is started again 100 ms after a run is over", () =>
    Effect.gen(function* () {
      const { script, start } = yield* scripted
      yield* supervise("server", start)
      yield* Deferred.succeed(script.end, "killed")
      yield* TestClock.adjust("99 millis")
      assert.deepStrictEqual([script.starts, script.stops], [1, 1])
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(script.starts, 2)
    }),
  )

  it.effect(
    "a supervised server is started again without end while its starts fail, every two seconds at last",
    () =>
      Effect.gen(function* () {
        const { script, start } = yield* scripted
        yield* supervise("server", start)
        script.isBroken = true
        yield* Deferred.succeed(script.end, "killed")
        yield* TestClock.adjust("10 minutes")
        const before = script.starts
        yield* TestClock.adjust("20 seconds")
        assert.strictEqual(script.starts - before, 10)
        script.isBroken = false
        yield* TestClock.adjust("2 seconds")
        assert.strictEqual(script.stops, 1)
        assert.isFalse(yield* Deferred.isDone(script.end))
      }),
  )

  it.effect("a supervised server stops with its scope", () =>
    Effect.gen(function* () {
      const { script, start } = yield* scripted
      const fiber = yield* Effect.forkChild(
        Effect.scoped(Effect.andThen(supervise("server", start), Effect.never)),
      )
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual([script.starts, script.stops], [1, 1])
    }),
  )
})
