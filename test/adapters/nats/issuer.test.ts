import { assert, describe, it } from "@effect/vitest"
import { createAccount, fromPublic } from "@nats-io/nkeys"
import { issuerOf } from "../../../src/adapters/nats/issuer.ts"

const text = new TextEncoder()

describe("the issuer's key", () => {
  it("signs as nkeys does, bit for bit", () => {
    for (let n = 0; n < 20; n++) {
      const pair = createAccount()
      const issuer = issuerOf(new TextDecoder().decode(pair.getSeed()))
      const input = text.encode(`answer ${n}`)
      assert.strictEqual(issuer.getPublicKey(), pair.getPublicKey())
      assert.deepStrictEqual(issuer.getPrivateKey(), pair.getPrivateKey())
      assert.deepStrictEqual(issuer.sign(input), pair.sign(input))
      const known = fromPublic(issuer.getPublicKey())
      assert.isTrue(known.verify(input, issuer.sign(input)))
      assert.isFalse(known.verify(text.encode("another"), issuer.sign(input)))
    }
  })
})
