import { assert, describe, it } from "@effect/vitest"
import { Redacted, Result } from "effect"
import { seal, sealedWith, unseal } from "../../../src/adapters/node/Sealing.ts"
import { sealingKey } from "../../support/keys.ts"

const [one, two] = [sealingKey("one"), sealingKey("two")]
const NAME = "bkd_0123456789ab.1"
const secret = Redacted.make("sk-canary-1234567890")

const opened = (keys: Parameters<typeof unseal>[0], name: string, text: string) =>
  Result.map(unseal(keys, name, text), (found) => Redacted.value(found))
const reasonOf = (...args: Parameters<typeof opened>) => {
  const result = opened(...args)
  if (Result.isSuccess(result)) throw new Error("it opened")
  assert.notInclude(result.failure, "sk-canary")
  return result.failure
}

/** The sealed text with one bit of a part turned. */
const flipped = (sealed: string, part: "nonce" | "text", byte: number): string => {
  const parsed = JSON.parse(sealed) as Record<string, string>
  const bytes = Buffer.from(parsed[part]!, "base64")
  bytes[byte < 0 ? bytes.length + byte : byte]! ^= 1
  return JSON.stringify({ ...parsed, [part]: bytes.toString("base64") })
}

describe("sealing", () => {
  it("sealing gives back what was sealed, whichever of the keys sealed it", () => {
    for (const text of ["sk-canary", "", "ключ 🔑", "x".repeat(20_000)]) {
      for (const key of [one, two]) {
        const sealed = seal(key, NAME, Redacted.make(text))
        assert.deepStrictEqual(opened([one, two], NAME, sealed), Result.succeed(text))
        assert.strictEqual(sealedWith(sealed), key.id)
      }
    }
  })

  it("sealing never gives the same twice, and shows nothing of the secret", () => {
    const sealed = Array.from({ length: 100 }, () => seal(one, NAME, secret))
    const nonces = new Set(sealed.map((text) => (JSON.parse(text) as { nonce: string }).nonce))
    assert.strictEqual(nonces.size, 100)
    assert.notInclude(sealed.join(), Redacted.value(secret))
    assert.notInclude(sealed.join(), Buffer.from(Redacted.value(secret)).toString("base64").slice(0, 12))
  })

  it("sealing opens what was sealed when the format was made", () => {
    const sealed =
      '{"v":1,"key":"one","nonce":"AAECAwQFBgcICQoL","text":"WyHGK1e2hl4Jur8PEXDWiR5jWmALGFld9w=="}'
    assert.deepStrictEqual(opened([one], NAME, sealed), Result.succeed("sk-golden"))
  })

  it("sealing does not open after a flipped bit anywhere, nor with a tag cut short", () => {
    const sealed = seal(one, NAME, secret)
    const { text } = JSON.parse(sealed) as { text: string }
    const bytes = Buffer.from(text, "base64")
    for (let byte = 0; byte < bytes.length; byte++) {
      assert.include(reasonOf([one], NAME, flipped(sealed, "text", byte)), "does not open")
    }
    for (let byte = 0; byte < 12; byte++) {
      assert.include(reasonOf([one], NAME, flipped(sealed, "nonce", byte)), "does not open")
    }
    for (const length of [16, bytes.length - 1]) {
      const cut = JSON.stringify({
        ...JSON.parse(sealed),
        text: bytes.subarray(0, length).toString("base64"),
      })
      assert.include(reasonOf([one], NAME, cut), "does not open")
    }
  })

  it("sealing does not open under another name", () => {
    const sealed = seal(one, NAME, secret)
    for (const name of ["bkd_0123456789ab.2", "bkd_ba9876543210.1", ""]) {
      assert.include(reasonOf([one], name, sealed), "does not open")
    }
  })

  it("sealing names a key that is not there, and what to do", () => {
    const reason = reasonOf([two], NAME, seal(one, NAME, secret))
    assert.include(reason, "the encryption key one, which is not configured here")
    assert.include(reason, "one:<hex>")
  })

  it("sealing does not open with another key under the same id", () => {
    assert.include(reasonOf([{ ...two, id: "one" }], NAME, seal(one, NAME, secret)), "another key here")
  })

  it("sealing refuses what is no sealed text, whatever it is", () => {
    const sealed = JSON.parse(seal(one, NAME, secret)) as object
    for (const text of [
      "",
      "sk-canary",
      "null",
      "[]",
      "{}",
      JSON.stringify({ ...sealed, v: 2 }),
      JSON.stringify({ ...sealed, key: "a b" }),
      JSON.stringify({ ...sealed, nonce: "AA==" }),
      JSON.stringify({ ...sealed, text: "AA==" }),
      JSON.stringify({ ...sealed, text: "***" }),
    ]) {
      assert.include(reasonOf([one], NAME, text), "not a sealed key", text)
      assert.isUndefined(sealedWith(text))
    }
  })
})
