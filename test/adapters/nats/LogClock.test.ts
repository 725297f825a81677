import { assert, it } from "@effect/vitest"
import { Clock, Effect, Layer, Redacted } from "effect"
import { vi } from "vitest"
import { Nats } from "../../../src/adapters/nats/Connection.ts"
import { layer, LogClock } from "../../../src/adapters/nats/LogClock.ts"
import { prepareStreams } from "../../../src/adapters/nats/streams.ts"
import { freshNats } from "../../support/servers.ts"

const HOUR = 3_600_000

const machineTime = () => Date.now()

const logClock = Layer.unwrap(
  Effect.gen(function* () {
    const { backend, setup } = yield* freshNats
    yield* prepareStreams(Redacted.value(setup), 1)
    return layer.pipe(Layer.provide(Nats.layer(Redacted.value(backend))))
  }),
)

const machineIsOff = (millis: number) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const now = Date.now.bind(Date)
      return vi.spyOn(Date, "now").mockImplementation(() => now() + millis)
    }),
    (spy) => Effect.sync(() => spy.mockRestore()),
  )

it.live(
  "the time of a node is the log's, also while its own clock is wrong, and the difference is known",
  () =>
    Effect.gen(function* () {
      const before = machineTime()
      yield* machineIsOff(HOUR)
      const now = yield* Clock.currentTimeMillis
      assert.closeTo(now, before, 5_000)
      const { skew } = yield* LogClock
      assert.closeTo(skew(), HOUR, 5_000)
      const nanos = Number((yield* Clock.currentTimeNanos) / 1_000_000n)
      assert.closeTo(nanos, now, 1_000)
    }).pipe(Effect.scoped, Effect.provide(logClock)),
)
