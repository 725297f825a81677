import { Redacted, Result, Schema } from "effect"
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto"

/** A key for AES-256 and the id that sealed text names it by. */
export interface SealingKey {
  readonly id: string
  /** 32 bytes. */
  readonly bytes: Redacted.Redacted<Uint8Array>
}

/** The first seals, all open. */
export type SealingKeys = readonly [SealingKey, ...ReadonlyArray<SealingKey>]

const CIPHER = "aes-256-gcm"
const NONCE_BYTES = 12
const TAG_BYTES = 16

const base64 = (minimum: number) =>
  Schema.String.check(
    Schema.isPattern(/^[A-Za-z0-9+/]+={0,2}$/),
    Schema.makeFilter((text) => Buffer.from(text, "base64").length >= minimum),
  )

// A storage format: what is sealed today must open for ever. `text` ends with the tag.
const Sealed = Schema.Struct({
  v: Schema.Literal(1),
  key: Schema.String.check(Schema.isPattern(/^[\w-]{1,64}$/)),
  nonce: base64(NONCE_BYTES),
  text: base64(TAG_BYTES),
})
const parse = Schema.decodeResult(Schema.fromJsonString(Sealed))

/** Seals a text under a name: under another one it does not open, so nobody can move it. */
export const seal = ({ bytes, id }: SealingKey, name: string, secret: Redacted.Redacted): string => {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv(CIPHER, Redacted.value(bytes), nonce, { authTagLength: TAG_BYTES })
  cipher.setAAD(Buffer.from(name, "utf8"))
  const text = Buffer.concat([
    cipher.update(Redacted.value(secret), "utf8"),
    cipher.final(),
    cipher.getAuthTag(),
  ])
  return JSON.stringify({ v: 1, key: id, nonce: nonce.toString("base64"), text: text.toString("base64") })
}

/** The id of the key that a text says it is sealed with; undefined where it is no sealed text. */
export const sealedWith = (sealed: string): string | undefined =>
  Result.getOrUndefined(Result.map(parse(sealed), ({ key }) => key))

/** The text that was sealed under this name, or in words why it can't be had and what to do. */
export const unseal = (
  keys: SealingKeys,
  name: string,
  sealed: string,
): Result.Result<Redacted.Redacted, string> => {
  const parsed = parse(sealed)
  if (Result.isFailure(parsed)) return Result.fail("what is stored is not a sealed key: set the key anew")
  const { key: id, nonce, text } = parsed.success
  const key = keys.find((one) => one.id === id)
  if (key === undefined) {
    return Result.fail(
      `it is sealed with the encryption key ${id}, which is not configured here: add it behind the others, as ${id}:<hex>, or set the key anew`,
    )
  }
  return Result.try({
    try: () => {
      const bytes = Buffer.from(text, "base64")
      const decipher = createDecipheriv(CIPHER, Redacted.value(key.bytes), Buffer.from(nonce, "base64"), {
        authTagLength: TAG_BYTES,
      })
      decipher.setAAD(Buffer.from(name, "utf8"))
      decipher.setAuthTag(bytes.subarray(-TAG_BYTES))
      const opened = Buffer.concat([decipher.update(bytes.subarray(0, -TAG_BYTES)), decipher.final()])
      return Redacted.make(opened.toString("utf8"), { label: "provider key" })
    },
    catch: () =>
      `it does not open with the encryption key ${id}: it was changed or moved, or ${id} is another key here than the one it was sealed with. Set the key anew`,
  })
}
