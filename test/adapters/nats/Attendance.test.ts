import { assert, describe, it } from "vitest"
import { Attendance } from "../../../src/adapters/nats/Attendance.ts"

/** A node `b` that looks every second and has heard of `a` and `c` at 0. */
const attendance = () => {
  const attendance = new Attendance("b")
  attendance.look(0, true)
  assert.isTrue(attendance.heard("a", 0))
  assert.isTrue(attendance.heard("c", 0))
  return attendance
}

describe("attendance", () => {
  it("attendance counts those who are heard, and says who is first", () => {
    const alone = new Attendance("b")
    assert.deepStrictEqual([alone.count, alone.isFirst], [1, true])
    const three = attendance()
    assert.isFalse(three.heard("a", 10))
    assert.deepStrictEqual([three.count, three.isFirst], [3, false])
    assert.isTrue(three.left("a"))
    assert.isFalse(three.left("a"))
    assert.deepStrictEqual([three.count, three.isFirst], [2, true])
  })

  it("attendance gives up those who are not heard for 3.5 seconds", () => {
    const three = attendance()
    for (const at of [1_000, 2_000, 3_000]) {
      three.heard("a", at)
      assert.isFalse(three.look(at, true))
    }
    assert.isFalse(three.look(3_500, true))
    assert.isTrue(three.look(3_501, true))
    assert.deepStrictEqual([three.count, three.isFirst], [2, false])
  })

  it("attendance gives up nobody while it can hear nobody", () => {
    const three = attendance()
    for (let at = 1_000; at <= 20_000; at += 1_000) assert.isFalse(three.look(at, false))
    // This node stood still.
    assert.isFalse(three.look(60_000, true))
    for (const at of [61_000, 62_000, 63_000]) assert.isFalse(three.look(at, true))
    assert.isTrue(three.look(64_000, true))
    assert.strictEqual(three.count, 1)
  })
})
