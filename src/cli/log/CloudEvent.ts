import { Schema } from "effect"
import { CommitRecord, type Recorded, type Subject } from "../../domain/CommitRecord.ts"
import { AggregateId, Instant, Slug } from "../../domain/Ids.ts"
import { isStray, type Line, type Stray } from "../../domain/Line.ts"

const Position = Schema.String.check(Schema.isPattern(/^[1-9]\d{0,14}$/))

const isId = Schema.is(AggregateId)

/** The aggregate that a subject names; its type may be one that only a newer program knows. */
const subjectIn = (name: string): Subject<string> | undefined => {
  const [type = "", id, ...rest] = name.split(".")
  return isId(type) && isId(id) && rest.length === 0 ? { type, id } : undefined
}

/**
 * A record as a CloudEvent 1.0 in its JSON format, one line of an export. `data` is the whole record as it is
 * on the log, `sequence` its position; `sequence`, `correlationid` and `causationid` are documented extensions.
 */
const RecordEvent = Schema.Struct({
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

const STRAY = "crewlog.stray"

/** A message that is no record, as it is on the log. `strayheaders` are its headers as JSON. */
const StrayEvent = Schema.Struct({
  specversion: Schema.Literal("1.0"),
  id: Schema.String,
  source: Schema.String,
  type: Schema.Literal(STRAY),
  subject: Schema.String,
  sequence: Position,
  strayreason: Schema.String,
  strayhash: Schema.String,
  strayheaders: Schema.fromJsonString(Schema.Array(Schema.Tuple([Schema.String, Schema.String]))),
  data_base64: Schema.Uint8ArrayFromBase64,
})

/** A line of an export. */
export const CloudEvent = Schema.Union([StrayEvent, RecordEvent])
export type CloudEvent = typeof CloudEvent.Type
/** The same as its text is made of. */
type Written = typeof CloudEvent.Encoded

/** `log` is the log's identity: with the position it names the line in all the world. */
export const cloudEventOf = (log: string, line: Line): Written =>
  isStray(line) ? strayEventOf(log, line) : recordEventOf(log, line)

const strayEventOf = (log: string, { seq, stray }: Stray): Written => ({
  specversion: "1.0",
  id: String(seq),
  source: `urn:crewlog:log:${log}`,
  type: STRAY,
  subject: stray.subject,
  sequence: String(seq),
  strayreason: stray.reason,
  strayhash: stray.hash,
  strayheaders: JSON.stringify(stray.headers),
  data_base64: Buffer.from(stray.data).toString("base64"),
})

const recordEventOf = (log: string, { record, seq, subject }: Recorded<string>): Written => ({
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

/** The line of the log that an event was made of; undefined when its subject is none. */
export const lineIn = (event: CloudEvent): Line | undefined => {
  const seq = Number(event.sequence)
  if ("data_base64" in event) {
    const { data_base64: data, strayhash: hash, strayheaders: headers, strayreason: reason, subject } = event
    return { seq, stray: { subject, reason, hash, headers, data } }
  }
  const subject = subjectIn(event.subject)
  return subject && { seq, subject, record: event.data }
}
