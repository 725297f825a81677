import { assert, describe, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import { Nats } from "../../../src/adapters/nats/Connection.ts"
import { type Puller, puller } from "../../../src/adapters/nats/puller.ts"
import { LOG_STREAM } from "../../../src/adapters/nats/streams.ts"
import { FreshLog } from "../../support/log.ts"
import { eventually } from "../../support/usage.ts"

const WAIT = 1_000

const live = <A, E>(title: string, test: Effect.Effect<A, E, Nats | Scope.Scope>) =>
  it.live(title, () => Effect.provide(Effect.scoped(test), FreshLog))

const publish = Effect.fnUntraced(function* (...names: ReadonlyArray<string>) {
  const { js } = yield* Nats
  for (const name of names) yield* Effect.promise(() => js.publish(`crew.evt.task.${name}`, name))
})

const reader = Effect.gen(function* () {
  const nats = yield* Nats
  return yield* Effect.acquireRelease(
    Effect.promise(() => puller(nats, LOG_STREAM, {})),
    ({ close }) => Effect.sync(close),
  )
})

const read = ({ next }: Puller, most: number, signal?: AbortSignal) =>
  Effect.promise(async () => {
    const texts: Array<string> = []
    await next({ most, wait: WAIT, ...(signal === undefined ? {} : { signal }) }, (seq, message) => {
      texts.push(`${seq} ${message.string()}`)
    })
    return texts
  })

const consumers = Effect.flatMap(Nats, ({ jsm }) =>
  Effect.promise(async () => (await jsm.streams.info(LOG_STREAM)).state.consumer_count),
)

describe("a reader of a stream", () => {
  live(
    "gives what is there and what comes, in order, as many as are asked for",
    Effect.gen(function* () {
      yield* publish("a", "b", "c")
      const own = yield* reader
      assert.strictEqual(own.pending, 3)
      assert.deepStrictEqual(yield* read(own, 2), ["1 a", "2 b"])
      const [texts] = yield* Effect.all([read(own, 3), publish("d", "e", "f")], { concurrency: 2 })
      assert.deepStrictEqual(texts, ["3 c", "4 d", "5 e"])
      assert.deepStrictEqual(yield* read(own, 2), ["6 f"])
      assert.deepStrictEqual(yield* read(own, 2), [])
    }),
  )

  live(
    "ends with what is answered to a message, and at a signal",
    Effect.gen(function* () {
      yield* publish("a", "b", "c")
      const { next } = yield* reader
      const found = yield* Effect.promise(() =>
        next({ most: 3, wait: WAIT }, (seq) => (seq === 2 ? "two" : undefined)),
      )
      assert.strictEqual(found, "two")
      const signal = AbortSignal.timeout(10)
      assert.deepStrictEqual(yield* read(yield* reader, 9, signal), ["1 a", "2 b", "3 c"])
    }),
  )

  live(
    "leaves nothing behind on the server",
    Effect.gen(function* () {
      const own = yield* reader
      assert.strictEqual(yield* consumers, 1)
      own.close()
      yield* eventually(consumers, (count) => count === 0)
    }),
  )

  live(
    "fails when the server does not know it any more",
    Effect.gen(function* () {
      const { jsm } = yield* Nats
      const { next } = yield* reader
      const [found] = yield* Effect.promise(() => jsm.consumers.list(LOG_STREAM).next())
      yield* Effect.promise(() => jsm.consumers.delete(LOG_STREAM, found?.name ?? ""))
      const error = yield* Effect.flip(
        Effect.tryPromise(() => next({ most: 1, wait: WAIT }, () => undefined)),
      )
      assert.match(String(error.cause), /of CREW: 503/)
    }),
  )
})
