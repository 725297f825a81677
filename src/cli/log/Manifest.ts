import { Schema } from "effect"
import { createHash } from "node:crypto"
import { Seq } from "../../domain/Ids.ts"

export const MANIFEST = "manifest.json"
export const RECORDS = "records.ndjson.gz"

const Sha256 = Schema.String.check(Schema.isPattern(/^[0-9a-f]{64}$/))

/** The description of an export. Written last: a folder without it is not a whole export. */
export const Manifest = Schema.Struct({
  format: Schema.Literal("crewlog-export"),
  version: Schema.Literal(1),
  /** The identity of the log: its stream's creation time. */
  log: Schema.String,
  /** Positions 1 to `last`. */
  last: Seq,
  /** SHA-256 over the hash of every record and stray message, in order, each with a line feed. */
  records_sha256: Sha256,
  /** The size and the hash of the file as it is, compressed. */
  file: Schema.Struct({ name: Schema.Literal(RECORDS), bytes: Seq, sha256: Sha256 }),
})
export type Manifest = typeof Manifest.Type

/** Makes `records_sha256` of the hashes it is given. */
export class RecordsHash {
  readonly #hash = createHash("sha256")

  add(hash: string): void {
    this.#hash.update(`${hash}\n`)
  }

  get hex(): string {
    return this.#hash.copy().digest("hex")
  }
}
