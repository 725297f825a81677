import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Context, DateTime, Deferred, Effect, Layer, Stream } from "effect"
import { TestClock } from "effect/testing"
import { layer as MemoryLog } from "../../src/adapters/memory/EventLog.ts"
import { layer as DigestLayer } from "../../src/adapters/node/Digest.ts"
import { Dispatcher } from "../../src/commands/dispatch.ts"
import { Presence } from "../../src/commands/Presence.ts"
import { LaneFigures } from "../../src/commands/reactions/LaneFigures.ts"
import { sweepers } from "../../src/commands/reactions/sweepers.ts"
import { SignalLog } from "../../src/commands/SignalLog.ts"
import { layer as SettingsLayer } from "../../src/config.ts"
import { Backend, type BackendCommand } from "../../src/domain/Backend.ts"
import { EventLog, LogUnavailable } from "../../src/domain/EventLog.ts"
import { Plan } from "../../src/domain/Plan.ts"
import { Presence as PresenceAggregate, statusOf } from "../../src/domain/Presence.ts"
import { Task, TaskCommand } from "../../src/domain/Task.ts"
import { Fleet } from "../../src/projections/Fleet.ts"
import { Projected } from "../../src/projections/Projected.ts"
import { type Owed, ReadModel, ReadModelUnavailable, type Silent } from "../../src/projections/ReadModel.ts"
import { Store, TermEnded } from "../../src/projections/Store.ts"
import { limited, registration, UsualBackend } from "../domain/backends.ts"
import { ada as admin, createTask, envelope, FreeTask, FreshDispatcher } from "../support/commands.ts"
import { appendNext } from "../support/records.ts"

interface Known {
  silent: ReadonlyArray<Silent>
  due: ReadonlyArray<Owed>
  /** Newest signals by member, milliseconds of the clock. */
  readonly heard: Map<string, number>
  isAway: boolean
  isLogAway: boolean
  /** The number of times that this process began to sweep. */
  terms: number
  end: Deferred.Deferred<never, TermEnded>
  sweeps: number
}
class World extends Context.Service<World, Known>()("test/commands/World") {}

const iso = (millis: number) => DateTime.formatIso(DateTime.makeUnsafe(millis))

const played = Effect.gen(function* () {
  const world: Known = {
    silent: [],
    due: [],
    heard: new Map(),
    isAway: false,
    isLogAway: false,
    terms: 0,
    end: yield* Deferred.make<never, TermEnded>(),
    sweeps: 0,
  }
  const ask = <A>(answer: () => A) =>
    Effect.suspend(() => {
      if (world.isAway) return Effect.fail(new ReadModelUnavailable({ reason: "away" }))
      // As far as any log of these tests.
      return Effect.succeed({ seq: 1_000, value: answer() })
    })
  const unused = () => Effect.die(new Error("not for this test"))
  return Context.make(World, world).pipe(
    Context.add(
      ReadModel,
      ReadModel.of({
        owed: ({ kind }) =>
          ask(() => {
            world.sweeps++
            return world.due.filter((owed) => owed.kind === kind)
          }),
        owing: ask(() => []),
        silent: () => ask(() => world.silent),
        standing: Effect.suspend(() =>
          world.isAway
            ? Effect.fail(new ReadModelUnavailable({ reason: "away" }))
            : Effect.succeed({ seq: 0, log: "memory", hash: "", parked: 0 }),
        ),
        welcome: unused(),
        feed: unused,
        projects: unused,
        project: unused,
        tasks: unused,
        task: unused,
        held: unused,
        history: unused,
        messages: unused,
        message: unused,
        replies: unused,
        members: unused,
        member: unused,
      }),
    ),
    Context.add(
      SignalLog,
      SignalLog.of({
        beat: () => Effect.void,
        beats: Stream.never,
        reachable: Effect.suspend(() =>
          world.isLogAway ? Effect.fail(new LogUnavailable({ reason: "away", unknown: false })) : Effect.void,
        ),
        last: (member) =>
          Effect.sync(() => {
            const at = world.heard.get(member)
            return at === undefined ? undefined : { at: iso(at), status: "online" as const }
          }),
      }),
    ),
    Context.add(
      Projected,
      Projected.of({
        current: Effect.succeed(0),
        reached: () => Effect.succeed(true),
        changes: Stream.never,
        note: () => Effect.void,
        lull: Effect.void,
      }),
    ),
    Context.add(
      Store,
      Store.of({
        lead: () =>
          Effect.sync(() => {
            world.terms++
            return {
              start: { seq: 0, hash: "", log: "" },
              ended: Effect.suspend(() => Deferred.await(world.end)),
              parked: unused(),
              rows: unused,
              clock: unused(),
              clockBefore: () => Effect.never,
              commit: unused,
            }
          }),
      }),
    ),
  )
})

const settings = SettingsLayer.pipe(
  Layer.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env: {} }))),
  Layer.orDie,
)
const layer = Layer.mergeAll(Presence.layer, Fleet.layer, LaneFigures.layer).pipe(
  Layer.provideMerge(FreshDispatcher),
  Layer.provideMerge([Layer.effectContext(played), MemoryLog, DigestLayer, settings]),
)

type Needs = World | Presence | Dispatcher | EventLog | Fleet | LaneFigures
const test = <A, E>(title: string, body: Effect.Effect<A, E, Needs>) =>
  it.effect(title, () =>
    Effect.forkScoped(sweepers).pipe(Effect.andThen(body), Effect.scoped, Effect.provide(layer)),
  )

const bob = { id: "id-bob", slug: "bob" }
const statusOfBob = Effect.gen(function* () {
  return statusOf((yield* (yield* Dispatcher).load(PresenceAggregate, bob.id)).state)
})
const silentBob: Silent = { ...bob, status: "online", at: null }
const logEnd = Effect.flatMap(EventLog, (log) => Effect.map(log.head, ({ last }) => last))
const seconds = (n: number) => TestClock.adjust(`${n} seconds`)

describe("the presence sweep", () => {
  test(
    "the presence sweep makes offline who has been silent for 90 seconds, once, and says when it was last heard of",
    Effect.gen(function* () {
      const world = yield* World
      yield* (yield* Presence).report(bob, "busy")
      yield* seconds(100)
      world.heard.set(bob.id, 5_000)
      world.silent = [silentBob]
      yield* seconds(5)
      assert.strictEqual(yield* statusOfBob, "offline")
      const { state } = yield* (yield* Dispatcher).load(PresenceAggregate, bob.id)
      assert.strictEqual(state._tag === "Seen" ? state.last_seen : undefined, iso(5_000))
      assert.strictEqual(yield* logEnd, 2)
    }),
  )

  test(
    "the presence sweep asks the log before it says so: the read model may be behind",
    Effect.gen(function* () {
      const world = yield* World
      yield* (yield* Presence).report(bob, "online")
      world.silent = [silentBob]
      for (let second = 0; second < 300; second++) {
        world.heard.set(bob.id, second * 1_000)
        yield* seconds(1)
      }
      assert.strictEqual(yield* statusOfBob, "online")
      yield* seconds(95)
      assert.strictEqual(yield* statusOfBob, "offline")
    }),
  )

  test(
    "the presence sweep says nothing about who reported a change in the meantime",
    Effect.gen(function* () {
      const world = yield* World
      yield* seconds(200)
      yield* (yield* Presence).report(bob, "online")
      world.silent = [silentBob]
      yield* seconds(60)
      assert.strictEqual(yield* statusOfBob, "online")
    }),
  )

  test(
    "the presence sweep is not held up by a member whose presence a newer program has changed",
    Effect.gen(function* () {
      const world = yield* World
      const presence = yield* Presence
      const ill = { id: "id-ill", slug: "ill" }
      yield* presence.report(ill, "online")
      yield* presence.report(bob, "online")
      yield* appendNext({ type: "presence", id: ill.id }, [{ _tag: "PresencePaused", v: 1 }])
      world.silent = [{ ...ill, status: "online", at: null }, silentBob]
      yield* seconds(105)
      assert.strictEqual(yield* statusOfBob, "offline")
      assert.strictEqual(yield* logEnd, 4)
    }),
  )

  test(
    "the presence sweep gives no verdict before it has watched for 90 seconds: not after a start, nor after an outage",
    Effect.gen(function* () {
      const world = yield* World
      const presence = yield* Presence
      yield* presence.report(bob, "online")
      world.silent = [silentBob]
      yield* seconds(80)
      yield* Effect.sync(() => {
        world.isLogAway = true
      })
      yield* seconds(20)
      world.isLogAway = false
      yield* seconds(80)
      assert.strictEqual(yield* statusOfBob, "online")
      world.isAway = true
      yield* seconds(5)
      world.isAway = false
      yield* seconds(85)
      assert.strictEqual(yield* statusOfBob, "online")
      yield* seconds(10)
      assert.strictEqual(yield* statusOfBob, "offline")
    }),
  )

  test(
    "the presence sweep begins to watch anew in every term",
    Effect.gen(function* () {
      const world = yield* World
      yield* (yield* Presence).report(bob, "online")
      world.silent = [silentBob]
      yield* seconds(80)
      const { end } = world
      world.end = yield* Deferred.make<never, TermEnded>()
      yield* Deferred.fail(end, new TermEnded({ reason: "another has taken over" }))
      yield* seconds(85)
      assert.strictEqual(world.terms, 2)
      assert.strictEqual(yield* statusOfBob, "online")
      yield* seconds(10)
      assert.strictEqual(yield* statusOfBob, "offline")
    }),
  )
})

describe("the deadline sweep", () => {
  const project = "3f0f4f0e-6a53-4c52-9a8e-4f1f4f1d7c5b"
  const [task, other] = ["00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"]
  const due: Owed = { kind: "dependencies", id: task, due: iso(0), attempt: 1, seq: 2, target: null }
  const plan = (depends_on: ReadonlyArray<string>) =>
    Effect.flatMap(Dispatcher, (dispatcher) =>
      dispatcher.dispatch(
        Plan,
        project,
        { _tag: "PlanDependencies", task_id: task, depends_on },
        envelope(`:plan-${depends_on.length}`),
      ),
    )
  const dependencies = Effect.gen(function* () {
    const { state } = yield* (yield* Dispatcher).load(Task, task)
    return state._tag === "Open" ? state.depends_on : undefined
  })
  const edges = Effect.gen(function* () {
    return (yield* (yield* Dispatcher).load(Plan, project)).state.edges
  })

  test(
    "the deadline sweep tells a task what the plan says when nobody did; fired again it changes nothing",
    Effect.gen(function* () {
      const world = yield* World
      yield* (yield* Dispatcher).dispatch(FreeTask, task, createTask(task), envelope(":create"))
      yield* plan([other])
      assert.deepStrictEqual(yield* dependencies, [])
      world.due = [due]
      yield* seconds(3)
      assert.deepStrictEqual(yield* dependencies, [other])
      const end = yield* logEnd
      world.due = [{ ...due, due: iso(1_000), seq: 3 }]
      yield* seconds(3)
      assert.strictEqual(yield* logEnd, end)
      assert.isAtLeast(world.sweeps, 6)
    }),
  )

  test(
    "the deadline sweep has the plan forget a task that never came to be, or was deleted",
    Effect.gen(function* () {
      const world = yield* World
      yield* plan([other])
      world.due = [due]
      yield* seconds(2)
      assert.deepStrictEqual(yield* edges, {})

      world.due = []
      const dispatcher = yield* Dispatcher
      yield* dispatcher.dispatch(FreeTask, task, createTask(task), envelope(":create"))
      yield* plan([other, task.replace("1", "3")])
      yield* dispatcher.dispatch(
        FreeTask,
        task,
        TaskCommand.cases.DeleteTask.make({ actor: admin }),
        envelope(":delete"),
      )
      world.due = [{ ...due, due: iso(1_000), seq: 4 }]
      yield* seconds(2)
      assert.deepStrictEqual(yield* edges, {})
    }),
  )

  test(
    "the deadline sweep does not let a kind that nobody knows hold up the others, and goes on after an outage",
    Effect.gen(function* () {
      const world = yield* World
      yield* (yield* Dispatcher).dispatch(FreeTask, task, createTask(task), envelope(":create"))
      yield* plan([other])
      world.isAway = true
      world.due = [{ ...due, kind: "unheard-of" }, due]
      yield* seconds(3)
      assert.deepStrictEqual(yield* dependencies, [])
      world.isAway = false
      yield* seconds(3)
      assert.deepStrictEqual(yield* dependencies, [other])
    }),
  )
})

describe("the cooldown sweep", () => {
  const { id } = registration
  const give = (command: BackendCommand, key: string) =>
    Effect.flatMap(Dispatcher, (dispatcher) =>
      dispatcher.dispatch(UsualBackend, id, command, envelope(`:${key}`)),
    )
  const cooldowns = Effect.gen(function* () {
    const { state } = yield* (yield* Dispatcher).load(Backend, id)
    return state._tag === "Known" ? state.cooldowns : []
  })
  const now = { sent_at: iso(0), now: iso(0) }
  /** A model that cools for 30 seconds, and another that cools for 60. */
  const cool = Effect.gen(function* () {
    yield* give({ _tag: "RegisterBackend", ...registration, cooldown_scope: "model" }, "register")
    yield* give(limited(0, { model: "opus", ...now }), "opus")
    yield* give(limited(0, { model: "haiku", retry_after_ms: 60_000, ...now }), "haiku")
  })
  const ends = Effect.map(cooldowns, (all) => all.map(({ model, until }) => [model, until]))

  test(
    "the cooldown sweep records the end of a cooldown when its time has come, once; its strikes stay",
    Effect.gen(function* () {
      yield* cool
      yield* seconds(29)
      assert.strictEqual(yield* logEnd, 3)
      yield* seconds(2)
      assert.deepStrictEqual(yield* ends, [
        ["opus", null],
        ["haiku", iso(60_000)],
      ])
      yield* seconds(28)
      assert.strictEqual(yield* logEnd, 4)
      yield* seconds(2)
      assert.deepStrictEqual(
        (yield* cooldowns).map(({ strikes, until }) => [strikes, until]),
        [
          [1, null],
          [1, null],
        ],
      )
      yield* seconds(100)
      assert.strictEqual(yield* logEnd, 5)
    }),
  )

  test(
    "the cooldown sweep needs no read model, and goes on after another has swept",
    Effect.gen(function* () {
      const world = yield* World
      world.isAway = true
      yield* cool
      yield* seconds(1)
      const { end } = world
      world.end = yield* Deferred.make<never, TermEnded>()
      yield* Deferred.fail(end, new TermEnded({ reason: "another has taken over" }))
      yield* seconds(31)
      assert.deepInclude(yield* ends, ["opus", null])
      assert.strictEqual(world.terms, 2)
    }),
  )

  test(
    "the cooldown sweep leaves a removed backend alone",
    Effect.gen(function* () {
      yield* cool
      yield* give({ _tag: "RemoveBackend" }, "remove")
      yield* seconds(100)
      assert.strictEqual(yield* logEnd, 4)
    }),
  )
})
