import { assert, describe, it } from "vitest"
import { backend, isLease, noneOf, Place } from "./place.ts"

const noEmergency = { emergency_fraction: 0 }

/** A backend that was given another key, which the vault has not handed over yet. */
const rotated = () => {
  const place = new Place([backend("a")], noEmergency)
  place.lease().settle({ kind: "ok" })
  place.become([{ backend: backend("a", { key_version: "1" }), key: undefined }])
  return place
}

describe("a key that was just set", () => {
  it("a key that was just set is waited for", async () => {
    const place = rotated()
    const waiting = [place.wait(), place.wait()]
    await place.pass(100)
    assert.deepStrictEqual([waiting[0]?.answer, waiting[1]?.answer], [undefined, undefined])
    place.become([{ backend: backend("a", { key_version: "1" }), key: "new" }])
    await place.pass(0)
    for (const { answer } of waiting) assert.isTrue(isLease(answer) && answer.route.key === "new")
  })

  it("a key that was just set is not waited for where another backend serves", () => {
    const place = rotated()
    place.become([
      { backend: backend("a", { key_version: "1" }), key: undefined },
      { backend: backend("b", { pool: "fallback" }), key: "b" },
    ])
    assert.strictEqual(place.letters(2), "bb")
  })

  it("a key that was just set is waited for no longer than it can take, once for each key", async () => {
    const place = rotated()
    const waiting = place.wait()
    await place.pass(1_999)
    assert.isUndefined(waiting.answer)
    await place.pass(1)
    assert.strictEqual(noneOf(waiting.answer).kind, "exhausted")
    place.update({ a: { rpm_limit: 30 } })
    assert.strictEqual(noneOf(place.begin().next()).kind, "exhausted")
    place.update({ a: { key_version: "2" } })
    const next = place.wait()
    await place.pass(1_000)
    assert.isUndefined(next.answer)
  })

  it("a key that was just set is not waited for where the backend is disabled", () => {
    const place = rotated()
    place.update({ a: { is_enabled: false } })
    assert.strictEqual(noneOf(place.begin().next()).kind, "exhausted")
  })
})
