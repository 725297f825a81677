import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, type Scope } from "effect"
import { TestClock } from "effect/testing"
import { type Dispatcher } from "../../../src/commands/dispatch.ts"
import { LaneFigures } from "../../../src/commands/reactions/LaneFigures.ts"
import { type Answer, doneWith, later, type Reaction } from "../../../src/commands/reactions/Reaction.ts"
import { tally } from "../../../src/commands/reactions/reactions.ts"
import { runLane } from "../../../src/commands/reactions/runLane.ts"
import type { Settings } from "../../../src/config.ts"
import { type EventLog, LogUnavailable } from "../../../src/domain/EventLog.ts"
import { type Projected } from "../../../src/projections/Projected.ts"
import { type Owed, type ReadModel } from "../../../src/projections/ReadModel.ts"
import { type Deliveries, OutsideAway } from "./Deliveries.ts"
import { makeDeliver } from "./deliver.ts"
import type { Outside } from "./Outside.ts"
import { iso, projected, records, request, stateOf, World, world } from "./world.ts"

type Needs =
  | World
  | Dispatcher
  | EventLog
  | ReadModel
  | Projected
  | Deliveries
  | LaneFigures
  | Settings
  | Scope.Scope

const test = <A, E>(title: string, body: Effect.Effect<A, E, Needs>) =>
  it.effect(title, () => body.pipe(Effect.scoped, Effect.provide(world)))

const STEP = 5
const settled = Effect.repeat(Effect.yieldNow, { times: 60 })
/** Time passes in small steps, and whatever each of them sets off comes to its end before the next. */
const millis = Effect.fnUntraced(function* (n: number) {
  yield* settled
  for (let left = n; left > 0; left -= STEP) {
    yield* TestClock.adjust(Math.min(left, STEP))
    yield* settled
  }
})
const second = millis(1_000)

/** A lane of deliveries, with some of it changed. */
const started = Effect.fnUntraced(function* (
  change: (deliver: Reaction<string>) => Partial<Reaction<string>> = () => ({}),
) {
  const deliver = yield* makeDeliver
  const running = yield* Effect.forkScoped(runLane({ ...deliver, ...change(deliver) }))
  yield* millis(20)
  return running
})

/** The records after the requests: `Event :command id`. */
const story = Effect.map(records, (all) =>
  all
    .filter(({ record }) => record.actor === "crewlog")
    .map(({ record }) => `${record.events.map(({ _tag }) => _tag).join()} ${record.command}`),
)

/** A performance that notes who is under way, and ends when the test says. */
const held = Effect.sync(() => {
  const ends = new Map<string, Deferred.Deferred<string>>()
  let most = 0
  const perform = ({ id }: Owed) =>
    Effect.gen(function* () {
      assert.isFalse(ends.has(id), "two at once for one id")
      const end = yield* Deferred.make<string>()
      ends.set(id, end)
      most = Math.max(most, ends.size)
      return doneWith(yield* Deferred.await(end).pipe(Effect.ensuring(Effect.sync(() => ends.delete(id)))))
    })
  const end = (id: string) => Effect.suspend(() => Deferred.succeed(ends.get(id)!, `receipt of ${id}`))
  return { perform, end, underWay: () => [...ends.keys()].toSorted(), most: () => most }
})

/** Looks neither at the log nor outside before it sends: the lane alone sees to it that it is called once. */
const careless = (outside: Outside) => () => ({
  inquire: () => Effect.succeed(undefined),
  perform: ({ id }: Owed) =>
    Effect.sync(() => doneWith(outside.arrives(id, { to: "ada", text: "hello" }) ?? "")),
})

describe("a lane", () => {
  test(
    "a lane does what is owed, and records it under the kind, the position of what was owed and the attempt",
    Effect.gen(function* () {
      const { outside } = yield* World
      yield* started()
      yield* request("ada", "a", "b")
      yield* second
      assert.deepStrictEqual(Object.fromEntries(outside.effects), { a: 1, b: 1 })
      assert.deepStrictEqual(yield* story, ["Delivered :delivery:1:1", "Delivered :delivery:2:1"])
      const [, , first] = yield* records
      assert.strictEqual(first?.record.causation, 1)
      assert.deepStrictEqual(outside.inquiries, [])
    }),
  )

  test(
    "looks at once when the read model has moved on, and after a second when nobody said so",
    Effect.gen(function* () {
      const { outside } = yield* World
      yield* started()
      yield* request("ada", "told")
      yield* projected
      yield* millis(10)
      assert.strictEqual(outside.effects.get("told"), 1)
      yield* request("ada", "untold")
      yield* millis(500)
      assert.isUndefined(outside.effects.get("untold"))
      yield* millis(600)
      assert.strictEqual(outside.effects.get("untold"), 1)
    }),
  )

  test(
    "looks no more than every 20 ms, however often the read model moves on",
    Effect.gen(function* () {
      const known = yield* World
      yield* started()
      known.looks = 0
      for (let step = 0; step < 100; step++) {
        yield* projected
        yield* millis(1)
      }
      assert.isAtLeast(known.looks, 4)
      assert.isAtMost(known.looks, 6)
    }),
  )

  test(
    "a lane tries again after a failure, later each time, never early, and asks before it sends again",
    Effect.gen(function* () {
      const { outside } = yield* World
      yield* started()
      outside.faults.push("away", "away")
      yield* request("ada", "a")
      yield* projected
      yield* millis(15)
      assert.deepStrictEqual(yield* story, ["DeliveryPostponed :delivery:1:1"])
      yield* projected
      yield* millis(80)
      assert.lengthOf(yield* story, 1)
      yield* millis(30)
      assert.deepStrictEqual((yield* story).slice(1), ["DeliveryPostponed :delivery:1:2"])
      yield* projected
      yield* millis(170)
      assert.deepStrictEqual(outside.inquiries, [])
      yield* millis(10)
      assert.deepStrictEqual(outside.inquiries, ["a"])
      assert.deepStrictEqual((yield* story).slice(2), ["Delivered :delivery:1:3"])
      assert.strictEqual(outside.calls.get("a"), 1)
    }),
  )

  test(
    "a lane does not send again what took effect though its answer was lost",
    Effect.gen(function* () {
      const { outside } = yield* World
      yield* started()
      outside.faults.push("lost")
      yield* request("ada", "a")
      yield* second
      yield* second
      assert.deepStrictEqual(yield* story, ["DeliveryPostponed :delivery:1:1", "Delivered :delivery:1:2"])
      assert.strictEqual(outside.calls.get("a"), 1)
    }),
  )

  test(
    "a lane ends an attempt that takes too long, and counts it as failed",
    Effect.gen(function* () {
      const { outside } = yield* World
      yield* started()
      outside.faults.push("silent")
      yield* request("ada", "a")
      yield* second
      yield* millis(1_900)
      assert.deepStrictEqual(yield* story, [])
      yield* millis(150)
      assert.deepStrictEqual(yield* story, ["DeliveryPostponed :delivery:1:1"])
      yield* second
      assert.strictEqual(outside.effects.get("a"), 1)
    }),
  )

  test(
    "a lane gives up what the outside never takes, once, and counts it",
    Effect.gen(function* () {
      const { outside } = yield* World
      outside.refused.add("eve")
      yield* started()
      yield* request("eve", "a")
      yield* request("ada", "b")
      for (let n = 0; n < 5; n++) yield* second
      assert.deepInclude(yield* stateOf("a"), { _tag: "Failed", why: "eve takes nothing" })
      assert.deepStrictEqual(yield* story, ["DeliveryFailed :delivery:1:1", "Delivered :delivery:2:1"])
      assert.strictEqual(outside.calls.get("a"), 1)
      const { counts } = yield* LaneFigures
      assert.deepStrictEqual(counts().get("delivery"), { underWay: 0, attempts: 2, givenUp: 1 })
    }),
  )

  test(
    "a lane takes a defect for a failure, too",
    Effect.gen(function* () {
      let calls = 0
      yield* started(({ perform }) => ({
        perform: (owed) => (calls++ === 0 ? Effect.die(new Error("a bug")) : perform(owed)),
      }))
      yield* request("ada", "a")
      yield* second
      yield* second
      assert.deepStrictEqual(yield* story, ["DeliveryPostponed :delivery:1:1", "Delivered :delivery:1:2"])
    }),
  )

  test(
    "a lane waits for the time that an answer names",
    Effect.gen(function* () {
      let calls = 0
      yield* started(() => ({
        inquire: () => Effect.succeed(undefined),
        perform: () => Effect.sync((): Answer<string> => (calls++ === 0 ? later(iso(5_250)) : doneWith("r"))),
      }))
      yield* request("ada", "a")
      yield* second
      yield* millis(5_240 - 1_020)
      assert.strictEqual(calls, 1)
      yield* millis(20)
      assert.strictEqual(calls, 2)
    }),
  )

  test(
    "a lane has one attempt under way for each id, and no more than its bounds at once",
    Effect.gen(function* () {
      const { end, most, perform, underWay } = yield* held
      yield* started(() => ({ perform, within: "1 hour", atOnce: 3, atOnceForTarget: 3 }))
      yield* request("ada", "a", "b", "c", "d", "e")
      yield* second
      yield* second
      assert.deepStrictEqual(underWay(), ["a", "b", "c"])
      yield* end("b")
      yield* millis(15)
      assert.deepStrictEqual(underWay(), ["a", "c", "d"])
      for (const id of ["a", "c", "d"]) yield* end(id)
      yield* millis(30)
      assert.deepStrictEqual(underWay(), ["e"])
      assert.strictEqual(most(), 3)
    }),
  )

  test(
    "a lane does not let a slow target hold up the others, however much is owed to it",
    Effect.gen(function* () {
      const { end, perform, underWay } = yield* held
      yield* started(() => ({ perform, within: "1 hour", atOnce: 4, atOnceForTarget: 2 }))
      const many = Array.from({ length: 50 }, (_, index) => `a${String(index).padStart(2, "0")}`)
      yield* request("slow", ...many)
      yield* request("quick", "x", "y", "z")
      yield* second
      yield* millis(20)
      assert.deepStrictEqual(underWay(), ["a00", "a01", "x", "y"])
      yield* end("x")
      yield* millis(20)
      assert.deepStrictEqual(underWay(), ["a00", "a01", "y", "z"])
      yield* end("a01")
      yield* millis(20)
      assert.deepStrictEqual(underWay(), ["a00", "a02", "y", "z"])
    }),
  )

  test(
    "a lane does not do again what it has done while the read model does not show it yet",
    Effect.gen(function* () {
      const known = yield* World
      yield* started(careless(known.outside))
      yield* request("ada", "a", "b")
      known.shown = 2
      for (let n = 0; n < 5; n++) yield* second
      assert.deepStrictEqual(Object.fromEntries(known.outside.calls), { a: 1, b: 1 })
      assert.lengthOf(yield* story, 2)
    }),
  )

  test(
    "a lane goes on after outages of the read model",
    Effect.gen(function* () {
      const known = yield* World
      yield* started()
      known.isAway = true
      yield* request("ada", "a")
      yield* second
      yield* second
      assert.isUndefined(known.outside.calls.get("a"))
      known.isAway = false
      yield* second
      assert.strictEqual(known.outside.calls.get("a"), 1)
    }),
  )

  test(
    "a lane keeps an answer while the log is away, and sends nothing again for it",
    Effect.gen(function* () {
      const { outside } = yield* World
      let isAway = true
      yield* started(({ records }) => ({
        records: {
          ...records!,
          done: (owed, receipt, envelope) =>
            isAway
              ? Effect.fail(new LogUnavailable({ reason: "away", unknown: true }))
              : records!.done(owed, receipt, envelope),
        },
      }))
      yield* request("ada", "a")
      for (let n = 0; n < 5; n++) yield* second
      assert.deepStrictEqual(yield* story, [])
      isAway = false
      yield* second
      assert.deepStrictEqual(yield* story, ["Delivered :delivery:1:1"])
      assert.strictEqual(outside.calls.get("a"), 1)
      assert.deepStrictEqual(outside.inquiries, [])
    }),
  )

  test(
    "believes no read model that shows less than before, as one that is made anew does",
    Effect.gen(function* () {
      const known = yield* World
      yield* started(careless(known.outside))
      yield* request("ada", "a", "b")
      yield* second
      assert.lengthOf(yield* story, 2)
      yield* second
      for (known.shown = 0; known.shown <= 4; known.shown++) yield* second
      known.shown = Infinity
      yield* request("ada", "c")
      yield* second
      assert.deepStrictEqual(Object.fromEntries(known.outside.calls), { a: 1, b: 1, c: 1 })
    }),
  )
})

describe("a lane that ends in a command only", () => {
  const noted = Effect.fnUntraced(function* (perform: Reaction["perform"]) {
    const { backoff, kind } = yield* makeDeliver
    yield* Effect.forkScoped(runLane({ kind, backoff, within: "1 second", atOnce: 4, perform }))
    yield* millis(20)
  })

  test(
    "a lane that only ends in a command makes one attempt, though its row stays where it is",
    Effect.gen(function* () {
      const seen: Array<string> = []
      yield* noted(({ id }) => Effect.sync(() => doneWith(void seen.push(id))))
      yield* request("ada", "a", "b")
      for (let n = 0; n < 5; n++) yield* second
      assert.deepStrictEqual(seen, ["a", "b"])
    }),
  )

  test(
    "a lane that only ends in a command tries again after a failure, without a record",
    Effect.gen(function* () {
      let calls = 0
      yield* noted(() =>
        Effect.suspend(() =>
          calls++ < 2
            ? Effect.fail(new OutsideAway({ reason: "away" }))
            : Effect.succeed(doneWith(undefined)),
        ),
      )
      yield* request("ada", "a")
      for (let n = 0; n < 5; n++) yield* second
      assert.strictEqual(calls, 3)
      assert.deepStrictEqual(yield* story, [])
    }),
  )
})

describe("a take-over", () => {
  const MOMENTS = 40

  test(
    "a take-over asks outside what became of all that was owed before it, and sends only what never arrived",
    Effect.gen(function* () {
      const { outside } = yield* World
      yield* request("ada", "sent", "unsent")
      outside.arrives("sent", { to: "ada", text: "hello" })
      yield* started()
      yield* second
      assert.deepStrictEqual(outside.inquiries.toSorted(), ["sent", "unsent"])
      assert.deepStrictEqual(Object.fromEntries(outside.calls), { sent: 1, unsent: 1 })
      assert.sameMembers([...(yield* story)], ["Delivered :delivery:1:1", "Delivered :delivery:2:1"])
    }),
  )

  test(
    "a take-over does not begin before the read model shows all that was on the log",
    Effect.gen(function* () {
      const known = yield* World
      yield* request("ada", "a", "b")
      known.shown = 1
      yield* started()
      yield* second
      yield* second
      assert.deepStrictEqual(known.outside.inquiries, [])
      known.shown = 2
      yield* second
      assert.sameMembers([...known.outside.calls.keys()], ["a", "b"])
    }),
  )

  test(
    "after an end at any moment of an attempt leads to one effect and one record",
    Effect.gen(function* () {
      const { outside } = yield* World
      const moments = new Set<string>()
      for (let turns = 0; turns < MOMENTS; turns++) {
        const id = `n${turns}`
        const running = yield* started()
        yield* request("ada", id)
        yield* projected
        yield* Effect.repeat(Effect.yieldNow, { times: turns })
        yield* Fiber.interrupt(running)
        moments.add(`${outside.calls.has(id) ? "called" : "not called"}, ${(yield* stateOf(id))._tag}`)
        const next = yield* started()
        yield* millis(20)
        yield* Fiber.interrupt(next)
        assert.strictEqual(outside.effects.get(id), 1, id)
        assert.strictEqual((yield* stateOf(id))._tag, "Delivered", id)
      }
      assert.sameMembers([...moments], ["not called, Waiting", "called, Waiting", "called, Delivered"])
      assert.deepStrictEqual(new Set(outside.calls.values()), new Set([1]))
      assert.lengthOf(yield* story, MOMENTS)
    }),
  )

  test(
    "of a node by another that still believes to lead changes nothing twice",
    Effect.gen(function* () {
      const { outside } = yield* World
      yield* started()
      yield* started()
      yield* request("ada", ...Array.from({ length: 20 }, (_, index) => `n${index}`))
      for (let n = 0; n < 10; n++) yield* second
      assert.deepStrictEqual(
        [...outside.effects.values()],
        Array.from({ length: 20 }, () => 1),
      )
      assert.lengthOf(yield* story, 20)
    }),
  )
})

describe("the figures of lanes", () => {
  test(
    "the figures of lanes tell what is owed while this node leads",
    Effect.gen(function* () {
      const { owing } = yield* LaneFigures
      yield* request("ada", "a", "b")
      assert.isUndefined(owing())
      const counting = yield* Effect.forkScoped(tally)
      yield* millis(1)
      assert.deepStrictEqual(owing(), [{ kind: "delivery", count: 2, oldest: iso(0) }])
      yield* Fiber.interrupt(counting)
      assert.isUndefined(owing())
    }),
  )
})

describe("the end of the program", () => {
  const ended = (perform: Reaction<string>["perform"]) =>
    Effect.gen(function* () {
      const known = yield* World
      const context = yield* Effect.context<Needs>()
      const ending = yield* Deferred.make<void>()
      const program = Effect.gen(function* () {
        yield* started(() => ({ perform, within: "1 hour" }))
        yield* request("ada", "a")
        yield* Effect.forkScoped(second)
        yield* Deferred.await(ending)
      }).pipe(Effect.provide(Layer.fresh(LaneFigures.layer)), Effect.scoped)
      const running = yield* Effect.forkScoped(Effect.provideContext(program, context))
      yield* millis(1)
      yield* second
      yield* Deferred.succeed(ending, undefined)
      return { known, running }
    })

  test(
    "a program that ends waits for attempts that are under way, and begins no others",
    Effect.gen(function* () {
      const { end, perform, underWay } = yield* held
      const { running } = yield* ended(perform)
      yield* millis(1)
      assert.deepStrictEqual(underWay(), ["a"])
      yield* request("ada", "b")
      yield* second
      assert.deepStrictEqual(underWay(), ["a"])
      yield* end("a")
      yield* Fiber.join(running)
      assert.deepStrictEqual(yield* story, ["Delivered :delivery:1:1"])
    }),
  )

  test(
    "a program that ends does not wait for ever: what is still under way then stays owed",
    Effect.gen(function* () {
      const { perform, underWay } = yield* held
      const { running } = yield* ended(perform)
      for (let n = 0; n < 6; n++) yield* second
      yield* Fiber.join(running)
      assert.deepStrictEqual(underWay(), [])
      assert.strictEqual((yield* stateOf("a"))._tag, "Waiting")
    }),
  )
})
