import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Context, Effect, Layer, Queue, Stream } from "effect"
import { TestClock } from "effect/testing"
import { layer as MemoryLog } from "../../src/adapters/memory/EventLog.ts"
import { layer as DigestLayer } from "../../src/adapters/node/Digest.ts"
import { Dispatcher } from "../../src/commands/dispatch.ts"
import { Heartbeats } from "../../src/commands/Heartbeats.ts"
import { Presence } from "../../src/commands/Presence.ts"
import { type Beat, SignalLog } from "../../src/commands/SignalLog.ts"
import { layer as SettingsLayer } from "../../src/config.ts"
import { LogUnavailable } from "../../src/domain/EventLog.ts"
import { Presence as PresenceAggregate, statusOf } from "../../src/domain/Presence.ts"
import { FreshDispatcher } from "../support/commands.ts"

class Signalled extends Context.Service<
  Signalled,
  { readonly beats: Array<Beat>; isAway: boolean; readonly others: Queue.Queue<Omit<Beat, "at">> }
>()("test/commands/Signalled") {}

const signals = Layer.effectContext(
  Effect.gen(function* () {
    const others = yield* Queue.unbounded<Omit<Beat, "at">>()
    const signalled = Signalled.of({ beats: [], isAway: false, others })
    return Context.make(Signalled, signalled).pipe(
      Context.add(
        SignalLog,
        SignalLog.of({
          beat: (beat) =>
            Effect.suspend(() => {
              if (signalled.isAway) return Effect.fail(new LogUnavailable({ reason: "away", unknown: true }))
              return Effect.sync(() => void signalled.beats.push(beat))
            }),
          beats: Stream.fromQueue(others),
          reachable: Effect.void,
          last: () => Effect.undefined,
        }),
      ),
    )
  }),
)

const settings = SettingsLayer.pipe(
  Layer.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env: {} }))),
  Layer.orDie,
)

const layer = Heartbeats.layer.pipe(
  Layer.provideMerge(Presence.layer),
  Layer.provideMerge(FreshDispatcher),
  Layer.provideMerge([signals, MemoryLog, DigestLayer, settings]),
)

const ada = { id: "id-ada", slug: "ada" }
const presence = Effect.gen(function* () {
  const { state } = yield* (yield* Dispatcher).load(PresenceAggregate, ada.id)
  return statusOf(state)
})
/** Lets everything happen that is to happen by now. */
const happened = TestClock.adjust("1 second")

const test = <A, E>(
  title: string,
  body: Effect.Effect<A, E, Heartbeats | Presence | Dispatcher | Signalled>,
) => it.effect(title, () => Effect.provide(body, layer))

describe("signs of life", () => {
  test(
    "a call brings a member that was offline online, and is signalled once in ten seconds",
    Effect.gen(function* () {
      const heartbeats = yield* Heartbeats
      const { beats } = yield* Signalled
      for (let second = 0; second < 21; second++) {
        yield* heartbeats.seen(ada)
        yield* happened
      }
      assert.strictEqual(yield* presence, "online")
      assert.deepStrictEqual(
        beats.map(({ at, slug, status }) => [slug, status, at]),
        [0, 10, 20].map((second) => ["ada", "online", new Date(second * 1_000).toISOString()]),
      )
    }),
  )

  test(
    "a call leaves the status that was reported alone",
    Effect.gen(function* () {
      const heartbeats = yield* Heartbeats
      yield* heartbeats.beat(ada, "busy", "one")
      yield* TestClock.adjust("11 seconds")
      yield* heartbeats.seen(ada)
      yield* happened
      assert.strictEqual(yield* presence, "busy")
      assert.deepStrictEqual(
        (yield* Signalled).beats.map(({ status }) => status),
        ["busy", "busy"],
      )
    }),
  )

  test(
    "a heartbeat is signalled each time, and recorded when the status is another; the newest counts",
    Effect.gen(function* () {
      const heartbeats = yield* Heartbeats
      const dispatcher = yield* Dispatcher
      const versions: Array<number> = []
      for (const status of ["online", "online", "busy", "busy", "idle"] as const) {
        yield* heartbeats.beat(ada, status, "one")
        yield* happened
        versions.push((yield* dispatcher.load(PresenceAggregate, ada.id)).seq)
      }
      assert.deepStrictEqual(versions, [1, 1, 2, 2, 3])
      assert.strictEqual(yield* presence, "idle")
      assert.strictEqual((yield* Signalled).beats.length, 5)
    }),
  )

  test(
    "a member that changes its mind faster than it can be recorded ends up as it said last",
    Effect.gen(function* () {
      const heartbeats = yield* Heartbeats
      for (let n = 0; n < 100; n++) yield* heartbeats.beat(ada, n % 2 === 0 ? "online" : "busy", "one")
      yield* happened
      assert.strictEqual(yield* presence, "busy")
      assert.isAtMost((yield* (yield* Dispatcher).load(PresenceAggregate, ada.id)).seq, 3)
    }),
  )

  test(
    "what is lost reaches nobody, and is made good by the next call",
    Effect.gen(function* () {
      const heartbeats = yield* Heartbeats
      const signalled = yield* Signalled
      Object.assign(signalled, { isAway: true })
      yield* heartbeats.beat(ada, "busy", "one")
      yield* happened
      assert.strictEqual(signalled.beats.length, 0)
      Object.assign(signalled, { isAway: false })
      yield* heartbeats.beat(ada, "busy", "one")
      yield* happened
      assert.strictEqual(yield* presence, "busy")
      assert.strictEqual(signalled.beats.length, 1)
    }),
  )

  test(
    "a member with two connections is what they say together, and only changes of that are recorded",
    Effect.gen(function* () {
      const heartbeats = yield* Heartbeats
      const dispatcher = yield* Dispatcher
      for (let n = 0; n < 4; n++) {
        yield* heartbeats.beat(ada, "busy", "one")
        yield* happened
        yield* heartbeats.beat(ada, "idle", "two")
        yield* happened
      }
      assert.strictEqual(yield* presence, "busy")
      assert.strictEqual((yield* dispatcher.load(PresenceAggregate, ada.id)).seq, 1)
    }),
  )

  test(
    "a connection that ends takes its status with it, one that falls silent does so after the time-out",
    Effect.gen(function* () {
      const heartbeats = yield* Heartbeats
      yield* heartbeats.beat(ada, "busy", "one")
      yield* heartbeats.beat(ada, "idle", "two")
      yield* happened
      yield* heartbeats.gone(ada, "one")
      yield* happened
      assert.strictEqual(yield* presence, "idle")
      yield* heartbeats.beat(ada, "online", "three")
      yield* TestClock.adjust("91 seconds")
      yield* heartbeats.beat(ada, "idle", "two")
      yield* happened
      assert.strictEqual(yield* presence, "idle")
    }),
  )

  test(
    "a node signals what its own connections say, and never what it heard of another node",
    Effect.gen(function* () {
      const heartbeats = yield* Heartbeats
      const { beats, others } = yield* Signalled
      yield* Queue.offer(others, { ...ada, status: "busy", node: "another" })
      yield* happened
      yield* heartbeats.beat(ada, "idle", "one")
      yield* happened
      assert.strictEqual(yield* presence, "busy")
      assert.deepStrictEqual(
        beats.map(({ status }) => status),
        ["idle"],
      )
    }),
  )

  test(
    "connections on other nodes count as well",
    Effect.gen(function* () {
      const heartbeats = yield* Heartbeats
      const { others } = yield* Signalled
      yield* Queue.offer(others, { ...ada, status: "busy", node: "another" })
      yield* happened
      yield* heartbeats.beat(ada, "idle", "one")
      yield* happened
      assert.strictEqual(yield* presence, "busy")
      yield* TestClock.adjust("91 seconds")
      yield* heartbeats.beat(ada, "idle", "one")
      yield* happened
      assert.strictEqual(yield* presence, "idle")
    }),
  )
})
