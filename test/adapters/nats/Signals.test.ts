import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Fiber, Layer, Redacted, type Scope, Stream } from "effect"
import { Nats } from "../../../src/adapters/nats/Connection.ts"
import { layer as AnnouncementsLayer } from "../../../src/adapters/nats/Announcements.ts"
import { layer as SignalsLayer } from "../../../src/adapters/nats/Signals.ts"
import { prepareStreams } from "../../../src/adapters/nats/streams.ts"
import type { NatsAccess } from "../../../src/adapters/runtime/EmbeddedNats.ts"
import { SignalLog } from "../../../src/commands/SignalLog.ts"
import { Announcements } from "../../../src/projections/Announcements.ts"
import { Signals } from "../../../src/projections/Signals.ts"
import { freshNats } from "../../support/servers.ts"

class Access extends Context.Service<Access, NatsAccess>()("test/Access") {}

const nodeOn = ({ backend }: NatsAccess) =>
  Layer.mergeAll(SignalsLayer, AnnouncementsLayer).pipe(
    Layer.provideMerge(Nats.layer(Redacted.value(backend))),
    Layer.fresh,
  )

const layer = Layer.unwrap(
  Effect.map(freshNats, (access) =>
    Layer.mergeAll(nodeOn(access), Layer.succeed(Access, access)).pipe(
      Layer.provide(Layer.effectDiscard(prepareStreams(Redacted.value(access.setup)))),
    ),
  ),
)

type Services = Signals | SignalLog | Announcements | Nats | Access | Scope.Scope

const live = <A, E>(title: string, test: Effect.Effect<A, E, Services>) =>
  it.live(title, () => Effect.provide(test, layer))

const at = (second: number) => `2026-03-01T10:30:0${second}.000Z`

describe("signals", () => {
  live(
    "are followed in order, from any position, and the newest of a member is known at once",
    Effect.gen(function* () {
      const log = yield* SignalLog
      const signals = yield* Signals
      assert.isUndefined(yield* log.last("ada"))
      yield* log.beat({ id: "ada", slug: "ada", status: "online", at: at(1) })
      yield* log.beat({ id: "bob", slug: "bob", status: "idle", at: at(2) })
      const rest = yield* signals.follow(1).pipe(Stream.take(3), Stream.runCollect, Effect.forkChild)
      yield* log.beat({ id: "ada", slug: "ada", status: "busy", at: at(3) })
      yield* log.beat({ id: "ada", slug: "ada", status: "idle", at: at(4) })
      assert.deepStrictEqual(yield* Fiber.join(rest), [
        { seq: 2, id: "bob", slug: "bob", at: at(2) },
        { seq: 3, id: "ada", slug: "ada", at: at(3) },
        { seq: 4, id: "ada", slug: "ada", at: at(4) },
      ])
      assert.deepStrictEqual(yield* log.last("ada"), { slug: "ada", status: "idle", at: at(4) } as object)
      assert.isUndefined(yield* log.last("ad"))
      const head = yield* signals.head
      assert.deepStrictEqual([head.first, head.last], [1, 4])
      assert.match(head.epoch, /^20/)
    }),
  )

  live(
    "that are something else are skipped",
    Effect.gen(function* () {
      const { js } = yield* Nats
      const log = yield* SignalLog
      const signals = yield* Signals
      for (const [subject, text] of [
        ["crew.sig.heartbeat.ada", "nonsense"],
        ["crew.sig.heartbeat.ada", `{"slug":"ada"}`],
        ["crew.sig.usage.ada", `{"slug":"ada","status":"online","at":"${at(1)}"}`],
      ] as const) {
        yield* Effect.promise(() => js.publish(subject, text))
      }
      assert.isUndefined(yield* log.last("ada"))
      yield* log.beat({ id: "ada", slug: "ada", status: "busy", at: at(5) })
      const found = yield* signals.follow(0).pipe(Stream.take(1), Stream.runCollect)
      assert.deepStrictEqual(found, [{ seq: 4, id: "ada", slug: "ada", at: at(5) }])
    }),
  )

  live(
    "never make a subject of what is not an id",
    Effect.gen(function* () {
      const log = yield* SignalLog
      for (const id of ["", "*", ">", "a.b", "a b", "a\0", "x".repeat(65)]) {
        const exit = yield* Effect.exit(log.beat({ id, slug: "ada", status: "busy", at: at(5) }))
        assert.strictEqual(exit._tag, "Failure", id)
      }
      assert.strictEqual((yield* (yield* Signals).head).last, 0)
    }),
  )
})

describe("announcements", () => {
  live(
    "reach every other node that listens",
    Effect.gen(function* () {
      const own = yield* Effect.context<Announcements | Nats>()
      const other = yield* Layer.build(nodeOn(yield* Access))
      const collected = (node: Context.Context<Announcements>, count: number) =>
        Context.get(node, Announcements).positions.pipe(
          Stream.take(count),
          Stream.runCollect,
          Effect.forkChild({ startImmediately: true }),
        )
      const heard = yield* Effect.forEach([other, other], (node) => collected(node, 2))
      const heardBack = yield* collected(own, 1)
      for (const node of [own, other]) yield* Effect.promise(() => Context.get(node, Nats).connection.flush())
      Context.get(own, Nats).connection.publish("crew.projected", "nonsense")
      yield* Context.get(own, Announcements).publish(7)
      yield* Context.get(own, Announcements).publish(9)
      for (const fiber of heard) assert.deepStrictEqual(yield* Fiber.join(fiber), [7, 9])
      yield* Context.get(other, Announcements).publish(11)
      // What a node says itself it knows.
      assert.deepStrictEqual(yield* Fiber.join(heardBack), [11])
    }),
  )

  live(
    "that can't be made trouble nobody",
    Effect.gen(function* () {
      const { connection } = yield* Nats
      yield* Effect.promise(() => connection.close())
      yield* (yield* Announcements).publish(7)
    }),
  )
})
