import { Schema } from "effect"
import type { AggregateType } from "./Aggregate.ts"
import { CommandId, Instant, Seq, Slug } from "./Ids.ts"

// Records come from JSON.parse or go to JSON.stringify: to walk through them and see whether they are JSON
// would cost more than reading them.
const Json = Schema.Unknown as unknown as typeof Schema.Json

/** An event as it is stored: a tag, its version, and whatever JSON fields go with it. */
export const StoredEvent = Schema.StructWithRest(Schema.Struct({ _tag: Schema.String, v: Schema.Int }), [
  Schema.Record(Schema.String, Json),
])
export type StoredEvent = typeof StoredEvent.Type

/** A command that was accepted: its id, the fingerprint of what was asked, and its record (0: the one that holds this). */
export const Remembered = Schema.Struct({ id: CommandId, fingerprint: Schema.String, seq: Seq })
export type Remembered = typeof Remembered.Type

/**
 * A command's outcome, one message on the log (architecture.md section 1). Without events it says that the
 * command changed nothing, so that its repeat does not either. `prev` is the sequence of this aggregate's
 * previous record, 0 for the first; `hash` is SHA-256 over the previous record's hash and this record without
 * `hash` and `snapshot`. A snapshot is never authoritative: it is ignored unless `fold` is the running
 * fold's.
 */
// The fields are the storage format: add fields with a default, never rename or remove. The snapshot stays the last
// of them: who does not need it does not read on from there.
export const CommitRecord = Schema.Struct({
  command: CommandId,
  fingerprint: Schema.String,
  at: Instant,
  actor: Slug,
  correlation: Schema.String,
  causation: Schema.NullOr(Seq),
  prev: Seq,
  hash: Schema.String,
  events: Schema.Array(StoredEvent),
  snapshot: Schema.optionalKey(
    Schema.Struct({
      fold: Schema.String,
      state: Json,
      commands: Schema.Array(Remembered),
      /** The newest record that changed the state, where it is not this one. */
      version: Schema.optionalKey(Seq),
    }),
  ),
})
export type CommitRecord = typeof CommitRecord.Type

/** The aggregate that a record belongs to; one literal log subject each. */
export interface Subject<Type extends string = AggregateType> {
  readonly type: Type
  readonly id: string
}

/** A record at its place on the log. `Recorded<string>` may be of a type that only a newer program knows. */
export interface Recorded<Type extends string = AggregateType> {
  readonly seq: number
  readonly subject: Subject<Type>
  readonly record: CommitRecord
}

/** The text that `hash` is taken over. JSON.parse and JSON.stringify keep it byte for byte. */
export const chained = (previousHash: string, record: Omit<CommitRecord, "hash" | "snapshot">): string =>
  `${previousHash}\n${JSON.stringify([
    record.command,
    record.fingerprint,
    record.at,
    record.actor,
    record.correlation,
    record.causation,
    record.prev,
    record.events,
  ])}`
