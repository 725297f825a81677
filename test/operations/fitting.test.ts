import { assert, describe, it } from "@effect/vitest"
import { tooLarge } from "../../src/operations/fitting.ts"

const sizeOf = (input: object) => Buffer.byteLength(JSON.stringify(input))

describe("the size of an input", () => {
  it("an input is measured as the log will hold it, escapes and bytes of UTF-8 included", () => {
    const longest = 64 * 1024
    const fits = { title: "漢".repeat(500), description: '"\n'.repeat(longest / 2) }
    assert.isUndefined(tooLarge(fits, sizeOf(fits)))
    const escaped = { description: "\u0001".repeat(longest) }
    assert.deepInclude(tooLarge(escaped, longest), { _tag: "BodyTooLarge", limit: 240 * 1024 })
    const short = { description: "\u0001".repeat(1_000) }
    assert.isUndefined(tooLarge(short, sizeOf(short)))
  })
})
