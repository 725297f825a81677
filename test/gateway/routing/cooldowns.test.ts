import { assert, describe, it } from "vitest"
import { backend, idOf, leaseOf, mappings, MODEL, noneOf, ok, pend, Place, rateLimited } from "./place.ts"

/** No emergency lane, and nobody waits: what can't be sent is refused. */
const strict = { queue_seconds: 0.01, emergency_fraction: 0 }

/** The time for which the only backend is closed, by what a request is told. */
const closedFor = (place: Place, model = MODEL) => noneOf(place.begin(model).next()).retryAfterMillis

describe("a backend that says 429", () => {
  it("cools at once, longer each time, and the log hears of each strike", () => {
    const place = new Place([backend("a")], strict)
    const seconds: Array<number> = []
    for (let n = 0; n < 7; n++) {
      const { timers } = place
      place.limit("a")
      seconds.push(closedFor(place) / 1_000)
      timers.pass(closedFor(place))
    }
    assert.deepStrictEqual(seconds, [30, 60, 120, 240, 480, 600, 600])
    assert.lengthOf(place.observations, 7)
    const last = place.timers.now() - 600_000
    assert.deepStrictEqual(place.observations.at(-1), {
      kind: "rate_limited",
      backend: idOf("a"),
      model: null,
      reason: "rate_limit",
      retryAfterMillis: null,
      sentAt: last,
      at: last,
    })
  })

  it("cools at least as long as it asks for, at most as long as the cap", () => {
    const place = new Place([backend("a"), backend("b")], strict)
    place.limit("a", 45_000)
    place.limit("b", 7_200_000)
    assert.strictEqual(closedFor(place), 45_000)
    place.timers.pass(45_000)
    place.update({ a: { is_enabled: false } })
    assert.strictEqual(closedFor(place), 555_000)
  })

  it("cools once for all that were under way, and is heard of once", () => {
    const place = new Place([backend("a")], strict)
    const leases = Array.from({ length: 50 }, () => place.lease())
    for (const lease of leases) {
      place.timers.pass(3)
      lease.settle(rateLimited(30_000))
    }
    assert.strictEqual(closedFor(place), 30_000 - 49 * 3)
    assert.lengthOf(place.observations, 1)
  })

  it("a backend that says 429 is heard of again when it wants a much longer pause, and never cools shorter", () => {
    const place = new Place([backend("a")], strict)
    const [one, two, three] = [place.lease(), place.lease(), place.lease()]
    place.timers.pass(5)
    one?.settle(rateLimited())
    two?.settle(rateLimited(90_000))
    three?.settle(rateLimited(1_000))
    assert.strictEqual(closedFor(place), 90_000)
    assert.lengthOf(place.observations, 2)
  })

  it("a backend that says 429 is not begun anew by an answer that comes after the end", () => {
    const place = new Place([backend("a")], strict)
    const late = place.lease()
    place.timers.pass(5)
    place.limit("a")
    place.timers.pass(31_000)
    late.settle(rateLimited(60_000))
    assert.isTrue(place.lease().isProbe)
    assert.lengthOf(place.observations, 1)
  })

  it("cools for the model alone where limits are per model", () => {
    const models = { model_mappings: mappings("small", "large"), cooldown_scope: "model" } as const
    const place = new Place([backend("a", models)], strict)
    place.limit("a", null, "small")
    assert.strictEqual(closedFor(place, "small"), 30_000)
    const other = place.lease("large")
    assert.isFalse(other.isProbe)
    other.settle(ok)
    assert.deepStrictEqual(
      place.observations.map((one) => "model" in one && one.model),
      ["small"],
    )
    place.update({ a: { cooldowns: [place.cooldown({ until: place.instant(50_000) })] } })
    assert.strictEqual(closedFor(place, "large"), 50_000)
  })

  it("rests long when its quota is used up", () => {
    const place = new Place([backend("a")], strict)
    place.lease().settle(rateLimited(1_000, "quota"))
    assert.strictEqual(closedFor(place), 3_600_000)
  })

  it("a backend that says 429 is tried again by the request that ran into it, when it has cooled down in time", async () => {
    const place = new Place([backend("a")], { queue_seconds: 30 })
    const journey = place.begin()
    leaseOf(journey.next()).settle(rateLimited(20_000))
    // 30 seconds, which is as long as a request may wait.
    const pending = pend(journey.next())
    await place.pass(29_999)
    assert.isUndefined(pending.answer)
    await place.pass(1)
    const again = leaseOf(pending.answer)
    assert.deepStrictEqual([again.route.backend.name, again.isProbe], ["a", true])
  })
})

describe("what the log says of cooldowns", () => {
  it("what the log says of cooldowns holds here, too, until its end", () => {
    const place = new Place([backend("a")], strict)
    place.update({ a: { cooldowns: [place.cooldown({ until: place.instant(12_345) })] } })
    assert.strictEqual(closedFor(place), 12_345)
    place.timers.pass(12_345)
    assert.isTrue(place.lease().isProbe)
  })

  it("what the log says of cooldowns counts on from the strikes there", () => {
    const place = new Place([backend("a")], strict)
    const since = place.instant()
    place.timers.pass(1_000)
    place.update({ a: { cooldowns: [place.cooldown({ strikes: 3, since, until: null })] } })
    place.limit("a")
    assert.strictEqual(closedFor(place), 240_000)
  })

  it("what the log says of cooldowns takes nothing away from a cooldown that is not on it yet", () => {
    const place = new Place([backend("a"), backend("b")], strict)
    place.limit("a", 60_000)
    place.limit("b", 60_000)
    // Another backend's news, or another node's strike of a moment before.
    place.update()
    place.update({
      a: { cooldowns: [place.cooldown({ since: place.instant(-10), until: place.instant(29_990) })] },
    })
    assert.strictEqual(closedFor(place), 60_000)
    place.timers.pass(60_000)
    assert.isTrue(place.lease().isProbe)
  })

  it("what the log says of cooldowns takes no strike away that is not on it yet", () => {
    const place = new Place([backend("a")], strict)
    const onLog = { cooldowns: [place.cooldown({ until: null })] }
    place.timers.pass(1_000)
    place.update({ a: onLog })
    place.limit("a")
    place.update({ a: onLog })
    assert.strictEqual(closedFor(place), 60_000)
    place.timers.pass(60_000)
    place.limit("a")
    assert.strictEqual(closedFor(place), 120_000)
  })

  it("what the log says makes a cooldown longer that began here", () => {
    const place = new Place([backend("a")], strict)
    place.limit("a")
    place.update({ a: { cooldowns: [place.cooldown({ strikes: 2, until: place.instant(60_000) })] } })
    assert.strictEqual(closedFor(place), 60_000)
  })

  it("the end of a cooldown that the log tells holds here when another node's request succeeded, or an operator has seen to it", () => {
    const place = new Place([backend("a")], strict)
    place.limit("a")
    place.update({ a: { cooldowns: [place.cooldown()] } })
    assert.strictEqual(closedFor(place), 30_000)
    place.update({ a: { cooldowns: [] } })
    assert.isFalse(place.lease().isProbe)
  })

  it("what the log says of cooldowns does not bring back what a success has just cleared here", () => {
    const place = new Place([backend("a")], strict)
    const onLog = { cooldowns: [place.cooldown({ until: place.instant(30_000) })] }
    place.timers.pass(1)
    place.update({ a: onLog })
    place.timers.pass(30_000)
    const probe = place.lease()
    probe.settle(ok)
    place.update({ a: onLog })
    assert.isFalse(place.lease().isProbe)
    place.update({ a: { cooldowns: [{ ...onLog.cooldowns[0]!, until: null }] } })
    assert.isFalse(place.lease().isProbe)
  })

  it("the log is told again of a success that it does not show after a while", () => {
    const place = new Place([backend("a")], strict)
    const onLog = { cooldowns: [place.cooldown({ until: null })] }
    place.timers.pass(1)
    place.update({ a: onLog })
    place.lease().settle(ok)
    place.update({ a: onLog })
    place.lease().settle(ok)
    assert.lengthOf(place.observations, 1)
    place.timers.pass(5_000)
    place.lease().settle(ok)
    place.lease().settle(ok)
    assert.lengthOf(place.observations, 2)
    place.update({ a: { cooldowns: [] } })
    place.timers.pass(5_000)
    place.lease().settle(ok)
    assert.lengthOf(place.observations, 2)
  })

  it("forgets a quota that was used up when the backend gets another key", () => {
    const place = new Place([backend("a")], strict)
    place.lease().settle(rateLimited(null, "quota"))
    place.update()
    assert.strictEqual(closedFor(place), 3_600_000)
    place.update({ a: { key_version: "1" } })
    assert.isFalse(place.lease().isProbe)
  })
})
