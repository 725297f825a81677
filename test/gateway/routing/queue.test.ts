import { assert, describe, it } from "vitest"
import type { Api } from "../../../src/gateway/routing/Route.ts"
import {
  backend,
  failed,
  isLease,
  leaseOf,
  mappings,
  MODEL,
  noneOf,
  pend,
  Place,
  rateLimited,
} from "./place.ts"

const noEmergency = { emergency_fraction: 0 }

/** A backend without a token. */
const empty = (options = {}, more = {}) => {
  const place = new Place([backend("a", { rpm_limit: 60, ...more })], { ...noEmergency, ...options })
  place.letters(60)
  return place
}

describe("the queue", () => {
  it("the queue gives each token at its very time, in the order of coming", async () => {
    const place = empty()
    const waiting = Array.from({ length: 5 }, () => place.wait())
    const served = () => waiting.map(({ answer }) => Number(isLease(answer))).join("")
    await place.pass(999)
    assert.strictEqual(served(), "00000")
    await place.pass(1)
    assert.strictEqual(served(), "10000")
    await place.pass(2_000)
    assert.strictEqual(served(), "11100")
    assert.strictEqual(place.router.snapshot().queueDepth, 2)
  })

  it("the queue lets nobody overtake who came later", async () => {
    const place = empty()
    const first = place.wait()
    // The token is there, the timer has not rung.
    const now = place.timers.now
    const later = place.timers.now() + 1_000
    Object.assign(place.timers, { now: () => later })
    const second = place.wait()
    Object.assign(place.timers, { now })
    await place.pass(0)
    assert.isTrue(isLease(first.answer))
    assert.isUndefined(second.answer)
  })

  it("the queue serves whoever can use what comes free, the first first", async () => {
    const place = new Place(
      [
        backend("a", { rpm_limit: 60, model_mappings: mappings("small", "large") }),
        backend("b", { rpm_limit: 30, model_mappings: mappings("large") }),
      ],
      noEmergency,
    )
    for (let n = 0; n < 90; n++) place.lease("large")
    const large = place.wait("large")
    const small = place.wait("small")
    await place.pass(1_000)
    assert.isTrue(isLease(large.answer) && large.answer.route.backend.name === "a")
    assert.isUndefined(small.answer)
    const larger = place.wait("large")
    await place.pass(1_000)
    assert.isTrue(isLease(small.answer) && isLease(larger.answer))
    assert.strictEqual(leaseOf(larger.answer).route.backend.name, "b")
  })

  it("the queue holds no more than it may", async () => {
    const place = empty({ queue_depth: 3 })
    const waiting = [place.wait(), place.wait(), place.wait()]
    assert.deepStrictEqual(noneOf(place.begin().next()), { kind: "queue_full", retryAfterMillis: 1_000 })
    await place.pass(1_000)
    assert.isTrue(isLease(waiting[0]!.answer))
    place.wait()
    const none = empty({ queue_depth: 0 })
    assert.strictEqual(noneOf(none.begin().next()).kind, "queue_full")
  })

  it("the queue lets go at once who goes away", async () => {
    const place = empty()
    const leaving = new AbortController()
    const [first, second] = [place.wait(MODEL, leaving.signal), place.wait()]
    leaving.abort()
    await place.pass(0)
    assert.deepStrictEqual(first.answer, { kind: "aborted", retryAfterMillis: 0 })
    assert.strictEqual(place.router.snapshot().queueDepth, 1)
    await place.pass(1_000)
    assert.isTrue(isLease(second.answer))
    assert.strictEqual(place.timers.set, 0)
  })

  it("the queue keeps nobody longer than it may, also not in two parts", async () => {
    const place = empty({ queue_seconds: 3, cooldown_base_seconds: 0.1 })
    const journey = place.begin()
    const ahead = place.wait()
    const first = pend(journey.next())
    await place.pass(2_000)
    assert.isTrue(isLease(ahead.answer))
    leaseOf(first.answer).settle(rateLimited(2_000))
    // Another one can wait that long; this one has a second left.
    place.wait()
    assert.strictEqual(noneOf(journey.next()).kind, "exhausted")
  })

  it("the queue tells those whose time is over, or will be, when a backend may be asked", async () => {
    const place = empty({ queue_seconds: 1.5 })
    const waiting = [place.wait(), place.wait(), place.wait()]
    await place.pass(1_000)
    assert.isTrue(isLease(waiting[0]!.answer))
    for (const { answer } of waiting.slice(1)) {
      assert.deepStrictEqual(answer, { kind: "exhausted", retryAfterMillis: 1_000 })
    }
    assert.strictEqual(place.timers.set, 0)
  })

  it("the queue takes nobody in for whom nothing comes in time", () => {
    const place = new Place([backend("a"), backend("b", { is_enabled: false })], noEmergency)
    place.limit("a", 31_000)
    assert.deepStrictEqual(noneOf(place.begin().next()), { kind: "exhausted", retryAfterMillis: 31_000 })
    place.update({ a: { is_enabled: false } })
    assert.deepStrictEqual(noneOf(place.begin().next()), { kind: "exhausted", retryAfterMillis: 60_000 })
  })

  it("wakes at the end of a cooldown, for one that probes", async () => {
    const place = new Place([backend("a")], noEmergency)
    place.limit("a")
    const waiting = [place.wait(), place.wait(), place.wait()]
    await place.pass(29_999)
    assert.isTrue(waiting.every(({ answer }) => answer === undefined))
    await place.pass(1)
    // The end came at the very end of their time: before it.
    assert.isTrue(isLease(waiting[0]!.answer) && waiting[0]!.answer.isProbe)
  })

  it("wakes when a backend is registered, enabled, or has its limit raised", async () => {
    const place = empty()
    const [one, two, three] = [place.wait(), place.wait(), place.wait()]
    place.become([backend("a"), backend("b", { rpm_limit: 1 })].map((one) => ({ backend: one, key: "key" })))
    await place.pass(0)
    assert.isTrue(isLease(one.answer) && one.answer.route.backend.name === "b")
    assert.isUndefined(two.answer)
    place.become([backend("a", { rpm_limit: 60 }), backend("c")].map((one) => ({ backend: one, key: "key" })))
    await place.pass(0)
    assert.isTrue(isLease(two.answer) && isLease(three.answer))
  })

  it("the queue knows when the last backend of a model is gone", async () => {
    const place = empty()
    const waiting = place.wait()
    place.become([{ backend: backend("a", { model_mappings: {} }), key: "key" }])
    await place.pass(0)
    assert.deepStrictEqual(waiting.answer, { kind: "unknown_model", retryAfterMillis: 0 })
  })

  it("the queue sends one that failed elsewhere to what it has not tried", async () => {
    const place = new Place([backend("a"), backend("b", { rpm_limit: 4 })], noEmergency)
    const journey = place.begin()
    leaseOf(journey.next()).settle(failed)
    assert.strictEqual([...place.letters(63)].filter((letter) => letter === "b").length, 4)
    const pending = pend(journey.next())
    await place.pass(14_999)
    // Others can still use the one that it has tried.
    assert.strictEqual(place.letters(2), "aa")
    assert.isUndefined(pending.answer)
    await place.pass(1)
    assert.strictEqual(leaseOf(pending.answer).route.backend.name, "b")
  })

  it("the queue is left by all when the router closes", async () => {
    const place = empty()
    const waiting = [place.wait(), place.wait()]
    place.router.close()
    await place.pass(0)
    assert.isTrue(waiting.every(({ answer }) => answer !== undefined && !isLease(answer)))
    assert.strictEqual(place.timers.set, 0)
  })

  it("of 10,000 is served in order, without looking at all of them again and again", async () => {
    const COUNT = 10_000
    const place = new Place([backend("a", { rpm_limit: 1, health: "healthy" })], {
      ...noEmergency,
      queue_depth: COUNT,
      queue_seconds: 86_400,
    })
    place.letters(1)
    let looks = 0
    const apis: ReadonlyArray<Api> = Object.assign(["openai-completions" as const], {
      includes: () => {
        looks += 1
        return true
      },
    })
    const served: Array<number> = []
    for (let number = 0; number < COUNT; number++) {
      const answer = place.router.begin({ model: MODEL, apis }).next()
      assert.instanceOf(answer, Promise)
      void Promise.resolve(answer).finally(() => served.push(number))
    }
    assert.strictEqual(place.router.snapshot().queueDepth, COUNT)
    place.become([{ backend: backend("a", { rpm_limit: 1_000_000 }), key: "key" }])
    await place.pass(60_000)
    assert.deepStrictEqual(
      served,
      Array.from({ length: COUNT }, (_, number) => number),
    )
    assert.isBelow(looks, 8 * COUNT)
  })
})
