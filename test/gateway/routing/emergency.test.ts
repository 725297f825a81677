import { assert, describe, it } from "vitest"
import { backend, failed, idOf, isLease, leaseOf, MODEL, noneOf, ok, Place, rateLimited } from "./place.ts"

/** Nobody waits; the lane has 4 requests a minute. */
const hasty = { queue_seconds: 0.01, rpm_limit: 40, emergency_fraction: 0.1 }

/** All of it cools for a minute. */
const limitedPlace = (letters: string, options = {}) => {
  const place = new Place(
    [...letters].map((letter) => backend(letter)),
    { ...hasty, ...options },
  )
  for (const letter of letters) place.limit(letter, 60_000)
  place.observations.length = 0
  return place
}

describe("the emergency lane", () => {
  it("the emergency lane serves when nothing else does: a tenth of the default rate, over backends that cool, then refuses", () => {
    const place = limitedPlace("ab")
    const leases = Array.from({ length: 4 }, () => place.lease())
    assert.deepStrictEqual(
      leases.map(({ isProbe, lane, route }) => [route.backend.name, lane, isProbe]),
      Array.from({ length: 4 }, () => ["a", "emergency", false]),
    )
    assert.deepStrictEqual(noneOf(place.begin().next()), { kind: "exhausted", retryAfterMillis: 60_000 })
    place.timers.pass(15_000)
    assert.strictEqual(place.lease().lane, "emergency")
    assert.strictEqual(noneOf(place.begin().next()).kind, "exhausted")
  })

  it("the emergency lane takes those that are only out of tokens before those that cool, and of these the first to be back", () => {
    const place = new Place(
      ["a", "b", "c"].map((letter) => backend(letter, { rpm_limit: 2 })),
      hasty,
    )
    place.limit("a", 60_000)
    place.limit("b", 50_000)
    place.letters(1)
    const [first, second] = [place.lease(), place.lease()]
    assert.deepStrictEqual([first.lane, first.route.backend.name], ["primary", "c"])
    assert.deepStrictEqual([second.lane, second.route.backend.name], ["emergency", "c"])
    place.update({ c: { is_enabled: false } })
    assert.strictEqual(place.lease().route.backend.name, "b")
  })

  it("the emergency lane tries other backends, each once, at most so many times", () => {
    const place = limitedPlace("abcd", { emergency_retries: 3 })
    const journey = place.begin()
    const asked = [1, 2, 3].map(() => {
      const lease = leaseOf(journey.next())
      lease.settle(rateLimited())
      return lease.route.backend.name
    })
    assert.deepStrictEqual(asked, ["a", "b", "c"])
    assert.strictEqual(noneOf(journey.next()).kind, "exhausted")
  })

  it("the emergency lane does not ask where a quota is used up, nor what has just failed the request, nor what is faulted", () => {
    const place = new Place([backend("a"), backend("b"), backend("c")], hasty)
    const journey = place.begin()
    leaseOf(journey.next()).settle(failed)
    leaseOf(journey.next()).settle(rateLimited(null, "quota"))
    leaseOf(journey.next()).settle({ kind: "key_fault", fault: "unauthorized" })
    assert.strictEqual(noneOf(journey.next()).kind, "exhausted")
    assert.strictEqual(place.lease().route.backend.name, "a")
  })

  it("the emergency lane counts no strike against a backend for what it says while it cools anyway", () => {
    const place = limitedPlace("a")
    place.lease().settle(rateLimited())
    place.lease().settle(rateLimited(90_000))
    assert.deepStrictEqual(
      place.observations.map(({ kind }) => kind),
      ["emergency", "rate_limited"],
    )
    place.timers.pass(90_000)
    place.lease().settle(rateLimited())
    // The second strike, not the fourth.
    assert.strictEqual(placeWithout(place).retryAfterMillis, 60_000)
  })

  it("the emergency lane is a step after the queue, and none before it", async () => {
    const place = new Place([backend("a")], { ...hasty, queue_seconds: 30 })
    place.limit("a", 20_000)
    place.timers.pass(1_000)
    const first = place.wait()
    await place.pass(29_000)
    assert.strictEqual(leaseOf(first.answer).lane, "primary")
    const [second, third] = [place.wait(), place.wait()]
    leaseOf(first.answer).settle(rateLimited(40_000))
    await place.pass(0)
    // In the queue they would wait in vain.
    assert.deepStrictEqual(
      [second, third].map(({ answer }) => isLease(answer) && answer.lane),
      ["emergency", "emergency"],
    )
  })

  it("the emergency lane is there for those who have tried what there is", () => {
    const place = new Place([backend("a"), backend("b"), backend("c")], { ...hasty, pool_retries: 2 })
    const journey = place.begin()
    leaseOf(journey.next()).settle(failed)
    leaseOf(journey.next()).settle(failed)
    const lease = leaseOf(journey.next())
    assert.deepStrictEqual([lease.lane, lease.route.backend.name], ["emergency", "c"])
    assert.strictEqual(place.rpmLeft("c"), 59)
  })

  it("the emergency lane is said to be open with its first request, and closed a minute after its last", () => {
    const place = limitedPlace("a", { cooldown_max_seconds: 6_000 })
    place.update({ a: { cooldowns: [place.cooldown({ until: place.instant(6_000_000) })] } })
    place.lease()
    place.timers.pass(50_000)
    place.lease()
    place.timers.pass(59_999)
    assert.deepStrictEqual(place.observations, [{ kind: "emergency", isOpen: true, model: MODEL }])
    place.timers.pass(1)
    assert.deepStrictEqual(place.observations.slice(1), [{ kind: "emergency", isOpen: false, model: MODEL }])
    assert.strictEqual(place.timers.set, 0)
    place.lease()
    assert.lengthOf(place.observations, 3)
  })

  it("that was opened before this node started is closed, too, and opened anew when another node closed it", () => {
    const place = new Place([backend("a")], hasty)
    place.limit("a", 600_000)
    place.observations.length = 0
    place.lease()
    place.update({}, true)
    place.lease()
    assert.lengthOf(place.observations, 1)
    place.update({}, false)
    place.lease()
    assert.deepStrictEqual(
      place.observations.map((one) => one.kind === "emergency" && one.isOpen),
      [true, true],
    )
    const late = new Place([], hasty, { isEmergency: true })
    late.timers.pass(60_000)
    assert.deepStrictEqual(
      late.observations.map((one) => one.kind === "emergency" && one.isOpen),
      [false],
    )
  })

  it("the emergency lane is shared among nodes, and there is none with a fraction of 0", () => {
    const place = limitedPlace("a")
    place.nodes = 2
    place.update()
    assert.strictEqual(place.lease().lane, "emergency")
    assert.strictEqual(place.lease().lane, "emergency")
    assert.strictEqual(noneOf(place.begin().next()).kind, "exhausted")
    const none = limitedPlace("a", { emergency_fraction: 0 })
    assert.strictEqual(noneOf(none.begin().next()).kind, "exhausted")
  })

  it("clears the strikes of a backend that serves in it, but does not end its cooldown", () => {
    const place = limitedPlace("a")
    place.timers.pass(1)
    place.lease().settle(ok)
    assert.deepStrictEqual(place.observations.at(-1), {
      kind: "succeeded",
      backend: idOf("a"),
      model: MODEL,
      sentAt: place.timers.now(),
    })
    assert.strictEqual(place.lease().lane, "emergency")
    place.timers.pass(60_000)
    const lease = place.lease()
    assert.deepStrictEqual([lease.lane, lease.isProbe], ["primary", false])
  })
})

/** The answer to a request when there is no emergency lane. */
const placeWithout = (place: Place) => {
  place.options = { ...place.options, emergency_fraction: 0 }
  place.update()
  return noneOf(place.begin().next())
}
