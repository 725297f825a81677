import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Layer, Stream } from "effect"
import { Nats } from "../../../src/adapters/nats/Connection.ts"
import { UsageSink } from "../../../src/adapters/llm/metering/UsageSink.ts"
import { UsageLog } from "../../../src/projections/UsageLog.ts"
import { freshNats } from "../../support/servers.ts"
import { eventually, jsonOf, usageLogOn, usageOf } from "../../support/usage.ts"

const live = <A, E>(title: string, test: Effect.Effect<A, E, UsageLog | UsageSink | Nats>) =>
  it.live(title, () => Effect.provide(test, Layer.unwrap(Effect.map(freshNats, (nats) => usageLogOn(nats)))))

const read = (count: number, after = 0) =>
  Effect.flatMap(UsageLog, (log) => log.follow(after).pipe(Stream.take(count), Stream.runCollect))

describe("the log of usage", () => {
  live(
    "has every batch in its order, and once, however often it was added",
    Effect.gen(function* () {
      const { add, node } = yield* UsageSink
      const { js } = yield* Nats
      const records = [usageOf({ model: "größe" }), usageOf({ failures: [], task: "TE-1" })]
      yield* add(1, jsonOf(records))
      yield* add(1, jsonOf(records))
      yield* Effect.promise(() => js.publish("crew.sig.heartbeat.ada", "{}"))
      yield* add(2, jsonOf([usageOf({ model: "two" })]))
      yield* add(1, jsonOf(records))
      yield* add(3, jsonOf([usageOf({ model: "three" })]))
      const batches = yield* read(3)
      assert.deepStrictEqual(
        batches.map(({ node, number, seq }) => [node, number, seq]),
        [
          [node, 1, 1],
          [node, 2, 3],
          [node, 3, 4],
        ],
      )
      assert.deepStrictEqual(batches[0]?.records, records)
    }),
  )

  live(
    "passes over what can't be read, and keeps the rest",
    Effect.gen(function* () {
      const { js } = yield* Nats
      const good = usageOf()
      const texts = [
        "nonsense",
        `{"number":"1","records":[]}`,
        `{"number":7,"records":[{"id":"x"},${JSON.stringify(good)},null]}`,
      ]
      for (const text of texts) yield* Effect.promise(() => js.publish("crew.sig.usage.n", text))
      const batches = yield* read(3)
      assert.deepStrictEqual(
        batches.map(({ number, records }) => [number, records]),
        [
          [0, []],
          [0, []],
          [7, [good]],
        ],
      )
    }),
  )

  live(
    "is read since a time without one's own records",
    Effect.gen(function* () {
      const log = yield* UsageLog
      const { add, node } = yield* UsageSink
      const { js } = yield* Nats
      assert.isUndefined(yield* log.newest)
      const old = usageOf()
      const text = `{"number":1,"records":${JSON.stringify([old])}}`
      yield* Effect.promise(() => js.publish("crew.sig.usage.other", text))
      const first = yield* log.newest
      assert.strictEqual(first?.seq, 1)
      const past = (first?.at ?? 0) + 1
      yield* eventually(Clock.currentTimeMillis, (now) => now > past)
      yield* add(1, jsonOf([usageOf()]))
      yield* Effect.promise(() => js.publish("crew.sig.usage.third", text))
      yield* Effect.promise(() => js.publish("crew.sig.heartbeat.ada", "{}"))
      assert.strictEqual((yield* log.newest)?.seq, 3)
      const all = yield* log.since(first?.at ?? 0, node).pipe(Stream.take(3), Stream.runCollect)
      assert.deepStrictEqual(
        all.map(({ node, records }) => [node, records]),
        [
          ["other", [old]],
          [node, []],
          ["third", [old]],
        ],
      )
      const late = yield* log.since(past, node).pipe(Stream.take(1), Stream.runCollect)
      assert.deepStrictEqual(
        late.map(({ seq }) => seq),
        [2],
      )
    }),
  )
})
