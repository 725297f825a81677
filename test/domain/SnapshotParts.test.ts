import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import { cut, joined, PIECE_BYTES } from "../../src/domain/SnapshotParts.ts"

const id = (number: number) => `${String(number).padStart(8, "0")}-0000-5000-8000-000000000000`

const sizeOf = (piece: string) => Buffer.byteLength(JSON.stringify(piece))

describe("a text in pieces", () => {
  const token = Arbitrary.schema(
    Schema.Literals(["~", "~~", "~0;", "~1", ";", id(1), id(2), id(1).slice(3), "漢", "😀", '"\\', "\u0001"]),
  )

  it.prop(
    "a text in pieces is the same when it is joined, whatever it looks like",
    [Arbitrary.array(token, { minLength: 0, maxLength: 60 })],
    ([tokens]) => {
      const text = tokens.join("")
      assert.strictEqual(joined(cut(text)), text)
    },
  )

  it("a text in pieces fits into records, whatever its characters are, and ids take their room once", () => {
    for (const character of ["a", "漢", "😀", "\u0001", '"']) {
      const text = `-${character.repeat(300_000)}`
      const pieces = cut(text)
      for (const piece of pieces) assert.isAtMost(sizeOf(piece), PIECE_BYTES)
      assert.strictEqual(joined(pieces), text)
    }
    const plan = Array.from({ length: 100_000 }, (_, number) => id(number % 1_000)).join()
    assert.isAtMost(cut(plan).length, 6)
  })
})
