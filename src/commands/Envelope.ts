import { Schema } from "effect"
import type { Actor } from "../domain/Actor.ts"
import type { CommandId } from "../domain/Ids.ts"

/**
 * What stands around a command: who gives it, under which id, and why.
 *
 * `commandId` of a client's choice is `<member>:<key>`, a generated one starts with `:` and is
 * never repeated by anyone but ourselves. `fingerprint` tells one body from another under the
 * same id. `correlation` follows a request through everything that it caused; `causation` is
 * the log position of the record that led to this command. `ifMatch` is the version that the
 * caller saw (tracker.md, `If-Match`).
 */
export interface Envelope {
  readonly actor: Actor
  readonly commandId: CommandId
  readonly fingerprint: string
  readonly correlation: string
  readonly causation: number | null
  readonly ifMatch?: number | undefined
}

/** The same key was used before with another request (422). */
export class KeyReused extends Schema.TaggedError<KeyReused>()("KeyReused", {}) {}

/** The aggregate is no longer what the caller saw (412). */
export class VersionMismatch extends Schema.TaggedError<VersionMismatch>()("VersionMismatch", {
  expected: Schema.Int,
  actual: Schema.Int,
}) {}

/** Five decisions in a row lost against other writers (503, repeat). */
export class Contended extends Schema.TaggedError<Contended>()("Contended", { subject: Schema.String }) {}
