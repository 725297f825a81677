import { Schema, Struct } from "effect"
import { type AggregateType, aggregateTypes } from "../domain/Aggregate.ts"
import { CommitRecord, type Recorded } from "../domain/CommitRecord.ts"
import { Seq } from "../domain/Ids.ts"
import type { Conditions } from "../projections/matching.ts"

const optional = Schema.optionalKey

/** A record of the log, without its snapshot and without hashes of tokens. `hash` is the chain's. */
export const LogRecordBody = Schema.Struct({
  seq: Seq,
  aggregate: Schema.String,
  ...Struct.omit(CommitRecord.fields, ["snapshot", "fingerprint"]),
}).annotate({ identifier: "LogRecord" })
export type LogRecordBody = typeof LogRecordBody.Type

const SUBJECT = new RegExp(String.raw`^(${aggregateTypes.join("|")})(?:\.([A-Za-z0-9_-]{1,64}))?$`)

/**
 * The records that are asked for: `types` are event tags, comma-separated; `subject` is `task.<id>`, or
 * `task` for all tasks.
 */
export const logFilters = {
  after: optional(Seq),
  types: optional(
    Schema.String.check(
      Schema.isPattern(/^[A-Za-z]{1,64}(,[A-Za-z]{1,64}){0,49}$/, {
        message: "must be event types such as TaskTaken, comma-separated",
      }),
    ),
  ),
  subject: optional(
    Schema.String.check(
      Schema.isPattern(SUBJECT, { message: "must be an aggregate such as task.<id>, or a type of them" }),
    ),
  ),
}

interface Asked {
  readonly types?: string | undefined
  readonly subject?: string | undefined
}

/** The conditions of the parameters. */
export const conditionsOf = ({ subject = "", types }: Asked): Conditions => {
  const [, type, id] = SUBJECT.exec(subject) ?? []
  return {
    aggregate: type === undefined ? undefined : { type: type as AggregateType, id },
    types: types?.split(","),
  }
}

/** No hash of a token leaves the server, not even to auditors: they need to know that it changed. */
const withoutToken = (event: CommitRecord["events"][number]) => {
  const { token_hash: _, ...others } = event
  return others as typeof event
}

export const shownRecord = ({ record, seq, subject }: Recorded<string>): LogRecordBody => {
  const { actor, at, causation, command, correlation, events, hash, prev } = record
  return {
    seq,
    aggregate: `${subject.type}.${subject.id}`,
    command,
    at,
    actor,
    correlation,
    causation,
    prev,
    hash,
    events: events.map(withoutToken),
  }
}
