import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect, Layer, Stream } from "effect"
import { Meter } from "../../../src/adapters/llm/metering/Meter.ts"
import { Spending } from "../../../src/gateway/metering/Spending.ts"
import { UsageSink } from "../../../src/gateway/metering/UsageSink.ts"
import { Nats } from "../../../src/adapters/nats/Connection.ts"
import { UsageLog } from "../../../src/projections/UsageLog.ts"
import { freshNats } from "../../support/servers.ts"
import { eventually, usageLogOn, usageOf } from "../../support/usage.ts"
import { metering } from "../../adapters/llm/metering/metering.ts"

const ago = (seconds: number) =>
  Effect.map(DateTime.now, (now) => DateTime.formatIso(DateTime.subtract(now, { seconds })))

const tokens = (member: string) => Effect.map(Spending, ({ today }) => today(member).tokens)
const ready = Effect.flatMap(Spending, ({ isReady }) => eventually(Effect.sync(isReady), (is) => is))

const spend = (member: string, total_tokens: number, seconds = 0) =>
  Effect.gen(function* () {
    const { record } = yield* Meter
    record(usageOf({ at: yield* ago(seconds), member, total_tokens }))
  })

describe("what members spent today", () => {
  it.live("what members spent today is the sum of all nodes, and one's own is not counted twice", () =>
    Effect.gen(function* () {
      const access = yield* freshNats
      const [one, other] = yield* Effect.forEach([1, 2], () => Layer.build(metering(usageLogOn(access))))
      yield* Effect.gen(function* () {
        yield* spend("ada", 100)
        assert.strictEqual(yield* tokens("ada"), 100)
      }).pipe(Effect.provideContext(one!))
      yield* Effect.gen(function* () {
        yield* spend("ada", 10)
        assert.include([10, 110], yield* tokens("ada"))
        yield* eventually(tokens("ada"), (sum) => sum === 110)
        yield* spend("bob", 1)
      }).pipe(Effect.provideContext(other!))
      yield* Effect.gen(function* () {
        yield* eventually(tokens("bob"), (sum) => sum === 1)
        // Whatever was to come of one's own records has come by now.
        assert.strictEqual(yield* tokens("ada"), 110)
      }).pipe(Effect.provideContext(one!))
    }).pipe(Effect.scoped),
  )

  it.live("what members spent today is known again after a restart", () =>
    Effect.gen(function* () {
      const access = yield* freshNats
      yield* Effect.gen(function* () {
        const { record } = yield* Meter
        record(usageOf({ at: yield* ago(0), total_tokens: 5 }))
        record(usageOf({ at: yield* ago(0), total_tokens: 6 }))
        record(usageOf({ at: yield* ago(0), total_tokens: 7 }))
        record(usageOf({ at: yield* ago(0), total_tokens: 0, backend: null, lane: null, outcome: "refused" }))
        record(usageOf({ at: yield* ago(86_400), total_tokens: 1_000 }))
      }).pipe(Effect.provide(metering(usageLogOn(access))))

      yield* Effect.gen(function* () {
        yield* ready
        assert.strictEqual(yield* tokens("ada"), 18)
      }).pipe(Effect.provide(metering(usageLogOn(access))))
    }),
  )

  it.live("what members spent today counts a batch once that is on the log twice", () =>
    Effect.gen(function* () {
      const { js } = yield* Nats
      const at = yield* ago(0)
      const publish = (number: number) =>
        Effect.promise(() =>
          js.publish(
            "crew.sig.usage.other",
            `{"number":${number},"records":${JSON.stringify([usageOf({ at, total_tokens: 10 })])}}`,
          ),
        )
      for (const number of [1, 2, 1, 2, 3]) yield* publish(number)
      yield* eventually(tokens("ada"), (sum) => sum >= 30)
      yield* publish(3)
      yield* publish(4)
      yield* eventually(tokens("ada"), (sum) => sum >= 40)
      assert.strictEqual(yield* tokens("ada"), 40)
    }).pipe(Effect.provide(Layer.unwrap(Effect.map(freshNats, (access) => metering(usageLogOn(access)))))),
  )

  it.live("what members spent today is ready at once on a log without usage", () =>
    Effect.gen(function* () {
      yield* ready
      assert.strictEqual(yield* tokens("ada"), 0)
    }).pipe(Effect.provide(Layer.unwrap(Effect.map(freshNats, (access) => metering(usageLogOn(access)))))),
  )

  it.live("what members spent today is ready when the newest batch was read, or is of another day", () =>
    Effect.gen(function* () {
      const { epochMilliseconds: now } = yield* DateTime.now
      const first = { seq: 6, node: "a", number: 1, records: [usageOf({ at: yield* ago(0) })] }
      const played = (newest: { readonly seq: number; readonly at: number }) =>
        Spending.layer.pipe(
          Layer.provide([
            Layer.succeed(UsageLog, {
              follow: () => Stream.never,
              since: () => Stream.concat(Stream.make(first), Stream.never),
              newest: Effect.succeed(newest),
              head: Effect.succeed({ epoch: "", first: 1, last: 7 }),
            }),
            Layer.succeed(UsageSink, { node: "b", add: () => Effect.void }),
          ]),
          Layer.fresh,
        )
      const isReady = Effect.gen(function* () {
        yield* eventually(tokens("ada"), (sum) => sum > 0)
        return (yield* Spending).isReady()
      })
      assert.isFalse(yield* Effect.provide(isReady, played({ seq: 7, at: now })))
      assert.isTrue(yield* Effect.provide(isReady, played({ seq: 6, at: now })))
      assert.isTrue(yield* Effect.provide(isReady, played({ seq: 7, at: now - 2 * 86_400_000 })))
    }),
  )
})
