import { Schema } from "effect"
import { CommitRecord, type Recorded } from "../../domain/CommitRecord.ts"
import { Instant, Slug } from "../../domain/Ids.ts"
import { subjectIn } from "./aggregateNamed.ts"

const Position = Schema.String.check(Schema.isPattern(/^[1-9]\d{0,14}$/))

/**
 * A record as a CloudEvent 1.0 in its JSON format, one line of an export. `data` is the whole record as it is
 * on the log, `sequence` its position; `sequence`, `correlationid` and `causationid` are documented extensions.
 */
export const CloudEvent = Schema.Struct({
  specversion: Schema.Literal("1.0"),
  id: Schema.String,
  source: Schema.String,
  type: Schema.String,
  subject: Schema.String.check(
    Schema.makeFilter((name: string) =>
      subjectIn(name) === undefined ? "must name an aggregate" : undefined,
    ),
  ),
  time: Instant,
  datacontenttype: Schema.Literal("application/json"),
  sequence: Position,
  crewactor: Slug,
  correlationid: Schema.optionalKey(Schema.String),
  causationid: Schema.optionalKey(Position),
  data: CommitRecord,
})
export type CloudEvent = typeof CloudEvent.Type

/** `log` is the log's identity: with the position it names the record in all the world. */
export const cloudEventOf = (log: string, { record, seq, subject }: Recorded): CloudEvent => ({
  specversion: "1.0",
  id: String(seq),
  source: `urn:crewlog:log:${log}`,
  type: `crewlog.${subject.type}.committed`,
  subject: `${subject.type}.${subject.id}`,
  time: record.at,
  datacontenttype: "application/json",
  sequence: String(seq),
  crewactor: record.actor,
  ...(record.correlation === "" ? {} : { correlationid: record.correlation }),
  ...(record.causation === null ? {} : { causationid: String(record.causation) }),
  data: record,
})

/** The record that an event was made of; undefined when its subject is none. */
export const recordedIn = ({ data: record, sequence, subject: name }: CloudEvent): Recorded | undefined => {
  const subject = subjectIn(name)
  return subject && { seq: Number(sequence), subject, record }
}
