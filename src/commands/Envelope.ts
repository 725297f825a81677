import { Schema } from "effect"
import type { Actor } from "../domain/Actor.ts"
import type { CommandId } from "../domain/Ids.ts"

/**
 * The surroundings of a command: who gives it, under which id, and why.
 *
 * `commandId` of a client's choice is `<member>:<key>`, a generated one starts with `:` and is never repeated
 * by anyone but ourselves. `fingerprint` tells one body from another under the same id. `correlation` follows
 * a request through everything that it caused; `causation` is the log position of the record that led to this
 * command. `ifMatch` is the version that the caller saw (tracker.md, `If-Match`). `olderFingerprints` are
 * those that programs of old would have made of the same request, asked for only where the log holds such a
 * one.
 */
export interface Envelope {
  readonly actor: Actor
  readonly commandId: CommandId
  readonly fingerprint: string
  readonly correlation: string
  readonly causation: number | null
  readonly ifMatch?: number | undefined
  readonly olderFingerprints?: () => ReadonlyArray<string>
  /** The command is a part of what was asked, on another aggregate: it is remembered only if it changes something. */
  readonly isPart?: boolean
}

/** The same command to another aggregate: the version that the caller saw is not that one's. */
export const partOf = (envelope: Envelope): Envelope => ({ ...envelope, ifMatch: undefined, isPart: true })

/** The same key was used before with another request (422). */
export class KeyReused extends Schema.TaggedError<KeyReused>()("KeyReused", {}) {}

/** The aggregate is no longer what the caller saw (412). */
export class VersionMismatch extends Schema.TaggedError<VersionMismatch>()("VersionMismatch", {
  expected: Schema.Int,
  actual: Schema.Int,
}) {}

/** Five decisions in a row lost against other writers (503, repeat). */
export class Contended extends Schema.TaggedError<Contended>()("Contended", { subject: Schema.String }) {}
