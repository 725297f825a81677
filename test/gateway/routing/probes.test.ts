import { assert, describe, it } from "vitest"
import { backend, failed, idOf, isLease, mappings, MODEL, ok, Place, rateLimited } from "./place.ts"

const cooled = (more: Parameters<typeof backend>[1] = {}) => {
  const place = new Place([backend("a", more)])
  place.limit("a")
  place.timers.pass(30_000)
  return place
}

describe("after a cooldown", () => {
  it("one request probes, the others wait for how it ends", async () => {
    const place = cooled()
    const probe = place.lease()
    assert.isTrue(probe.isProbe)
    const others = [place.wait(), place.wait()]
    await place.pass(1_000)
    assert.isTrue(others.every(({ answer }) => answer === undefined))
    probe.settle(ok)
    await place.pass(0)
    const [one, two] = others.map(({ answer }) => answer)
    assert.isTrue(isLease(one) && !one.isProbe && isLease(two) && !two.isProbe)
    assert.deepStrictEqual(place.observations.at(-1), {
      kind: "succeeded",
      backend: idOf("a"),
      model: MODEL,
      sentAt: place.timers.now() - 1_000,
    })
    assert.lengthOf(place.observations, 2)
  })

  it("the others go elsewhere meanwhile", () => {
    const place = new Place([backend("a"), backend("b", { pool: "fallback" })])
    place.limit("a")
    place.timers.pass(30_000)
    assert.isTrue(place.lease().isProbe)
    assert.strictEqual(place.letters(3), "bbb")
  })

  it("they need not wait for the end of an answer that has begun", async () => {
    const place = cooled()
    const probe = place.lease()
    const other = place.wait()
    probe.accepted()
    probe.accepted()
    await place.pass(0)
    assert.isTrue(isLease(other.answer) && !other.answer.isProbe)
    probe.settle(failed)
    assert.lengthOf(place.observations, 2)
    assert.isFalse(place.lease().isProbe)
  })

  it("a probe that is limited cools longer, and those that would wait in vain are told", async () => {
    const place = cooled()
    place.options = { ...place.options, emergency_fraction: 0 }
    place.update()
    const probe = place.lease()
    const other = place.wait()
    probe.settle(rateLimited())
    await place.pass(0)
    assert.deepStrictEqual(other.answer, { kind: "exhausted", retryAfterMillis: 60_000 })
  })

  it.each([{ outcome: { kind: "aborted" } }, { outcome: { kind: "caller" } }, { outcome: failed }] as const)(
    "a probe that ends with $outcome.kind gives it to the next",
    async ({ outcome }) => {
      const place = cooled()
      const probe = place.lease()
      const [next, last] = [place.wait(), place.wait()]
      probe.settle(outcome)
      await place.pass(0)
      assert.isTrue(isLease(next.answer) && next.answer.isProbe)
      assert.isUndefined(last.answer)
    },
  )

  it("a probe that is lost does not block the backend for ever", async () => {
    const place = cooled({ timeout_seconds: 10 })
    place.options = { ...place.options, request_timeout_seconds: 5 }
    place.update()
    const lost = place.lease()
    const other = place.wait()
    await place.pass(14_999)
    assert.isFalse(isLease(other.answer))
    await place.pass(1)
    assert.isTrue(isLease(other.answer) && other.answer.isProbe)
    // It ends after all: the other one is the probe now.
    lost.settle({ kind: "aborted" })
    const third = place.wait()
    await place.pass(0)
    assert.isUndefined(third.answer)
  })

  it("a request that was sent before the cooldown proves nothing", () => {
    const place = new Place([backend("a")])
    const before = place.lease()
    place.timers.pass(5)
    place.limit("a")
    place.timers.pass(30_000)
    before.settle(ok)
    assert.isTrue(place.lease().isProbe)
  })

  it("each model has its probe where limits are per model", () => {
    const place = new Place([
      backend("a", { cooldown_scope: "model", model_mappings: mappings("small", "large") }),
    ])
    place.limit("a", null, "small")
    place.limit("a", null, "large")
    place.timers.pass(30_000)
    const [small, large] = [place.lease("small"), place.lease("large")]
    assert.deepStrictEqual([small.isProbe, large.isProbe], [true, true])
    small.settle(ok)
    assert.isFalse(place.lease("small").isProbe)
    void place.wait("large")
  })

  it("there is none where there was no strike", () => {
    const place = new Place([backend("a", { cooldowns: [] })])
    assert.isFalse(place.lease().isProbe)
    place.update({ a: { cooldowns: [place.cooldown({ strikes: 0, until: place.instant(1_000) })] } })
    place.timers.pass(1_000)
    assert.isFalse(place.lease().isProbe)
    assert.isFalse(place.lease().isProbe)
    place.lease().settle(ok)
    assert.deepStrictEqual(place.observations, [])
  })
})
