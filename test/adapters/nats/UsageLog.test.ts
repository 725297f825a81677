import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Layer, Stream } from "effect"
import { Nats } from "../../../src/adapters/nats/Connection.ts"
import { UsageSink } from "../../../src/gateway/metering/UsageSink.ts"
import { type UsageBatch, UsageLog } from "../../../src/projections/UsageLog.ts"
import { freshNats } from "../../support/servers.ts"
import { eventually, taken, usageLogOn, usageOf } from "../../support/usage.ts"

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
      yield* add(1, taken(records))
      yield* add(1, taken(records))
      yield* Effect.promise(() => js.publish("crew.sig.heartbeat.ada", "{}"))
      yield* add(2, taken([usageOf({ model: "two" })]))
      yield* add(1, taken(records))
      yield* add(3, taken([usageOf({ model: "three" })]))
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
    "reads a node's own batches from memory while they are there, and as they are on the log",
    Effect.gen(function* () {
      const log = yield* UsageLog
      const { add, node } = yield* UsageSink
      const told = usageOf({ model: "größe" })
      const all: Array<UsageBatch> = []
      const reading = log.follow(0).pipe(Stream.runForEach((batch) => Effect.sync(() => all.push(batch))))
      yield* Effect.forkScoped(reading)
      for (const number of [1, 2]) yield* add(number, taken([usageOf({ model: `before-${number}` }), told]))
      yield* eventually(
        Effect.sync(() => all.length),
        (count) => count === 2,
      )
      // Of these nobody reads the JSON, so it may be anything.
      yield* add(3, { records: [told], json: "[1]" })
      yield* add(4, taken([told, told]))
      yield* eventually(
        Effect.sync(() => all.length),
        (count) => count === 4,
      )
      assert.deepStrictEqual(
        all.map(({ node, number, records }) => [node, number, records.length]),
        [
          [node, 1, 2],
          [node, 2, 2],
          [node, 3, 1],
          [node, 4, 2],
        ],
      )
      assert.deepStrictEqual(all[3]?.records, [told, told])
      const again = yield* read(4)
      assert.deepStrictEqual([again[0], again[1], again[3]], [all[0], all[1], all[3]])
      assert.deepStrictEqual(again[2]?.records, [])
    }).pipe(Effect.scoped),
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
      yield* add(1, taken([usageOf()]))
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
