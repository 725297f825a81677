import { assert, describe, it } from "@effect/vitest"
import { isSameRequest } from "../../src/commands/isSameRequest.ts"

describe("two requests under one key", () => {
  const olderFingerprints = () => ["0123456789abcdef", "fedcba9876543210"]
  const never = () => {
    throw new Error("nobody needs the older fingerprints here")
  }

  it("two requests under one key are the same when their fingerprints are, and nobody asks for older ones", () => {
    assert.isTrue(isSameRequest("o1:abc", { fingerprint: "o1:abc", olderFingerprints: never }))
    assert.isTrue(isSameRequest("0123", { fingerprint: "0123" }))
    assert.isTrue(isSameRequest("", { fingerprint: "", olderFingerprints: never }))
  })

  it("two requests under one key are others when a marked fingerprint is another, whatever older programs would have said", () => {
    assert.isFalse(isSameRequest("o1:abc", { fingerprint: "o1:abd", olderFingerprints: never }))
    assert.isFalse(isSameRequest("o2:abc", { fingerprint: "o1:abc", olderFingerprints: never }))
  })

  it("two requests under one key are the same when a record of old bears what one of the older doors would have made of this one", () => {
    for (const recorded of olderFingerprints()) {
      assert.isTrue(isSameRequest(recorded, { fingerprint: "o1:abc", olderFingerprints }))
    }
    assert.isFalse(isSameRequest("1111111111111111", { fingerprint: "o1:abc", olderFingerprints }))
    assert.isFalse(isSameRequest("0123456789abcdef", { fingerprint: "o1:abc" }))
  })
})
