import { assert, describe, it } from "@effect/vitest"
import { clipped, printable, printableJson } from "../../src/cli/printable.ts"

const NASTY = {
  "a colour": "\u001b[31mred\u001b[0m",
  "a title": "\u001b]0;owned\u0007",
  "an 8-bit control sequence": "\u009b2J",
  "a carriage return": "safe\rrm -rf",
  "a backspace": "abc\b\b\b",
  "a NUL": "a\0b",
  DELETE: "a\u007f",
  "an override of direction": "user\u202Etxt.exe",
  "an isolate": "\u2066a\u2069",
  "a mark of direction": "a\u200Fb\u061Cc",
  "a line separator": "a\u2028b\u2029c",
  "a lone surrogate": "a\uD800b",
}
const UNFIT = /[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}\p{Cs}]/u

describe("printable", () => {
  for (const [what, text] of Object.entries(NASTY)) {
    it(`printable strips ${what}`, () => {
      assert.isTrue(UNFIT.test(text))
      assert.isFalse(UNFIT.test(printable(text)))
    })

    it(`printable escapes ${what} in JSON, which still means the same`, () => {
      const json = printableJson({ [text]: [text] })
      assert.isFalse(UNFIT.test(json))
      assert.deepStrictEqual(JSON.parse(json), { [text]: [text] })
    })
  }

  it("printable keeps words apart that were on two lines, and every other writing as it is", () => {
    assert.strictEqual(printable("one\r\n\ttwo"), "one two")
    assert.strictEqual(printable("Привет, 世界, שלום, 👩‍🚀"), "Привет, 世界, שלום, 👩‍🚀")
  })

  it("printable lets JSON have lines of its own", () => {
    assert.strictEqual(printableJson({ a: "\n" }, 2), '{\n  "a": "\\n"\n}')
  })
})

describe("clipped", () => {
  it("clipped fits the width, and cuts no character in two", () => {
    assert.strictEqual(clipped("short", 5), "short")
    assert.strictEqual(clipped("longer", 5), "long…")
    assert.strictEqual(clipped("👍👍👍", 2), "👍…")
  })
})
