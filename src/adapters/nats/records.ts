import { Result, Schema } from "effect"
import type { MsgHdrs } from "@nats-io/nats-core"
import { createHash } from "node:crypto"
import { type AggregateType, isAggregateType } from "../../domain/Aggregate.ts"
import { CommitRecord, type Recorded, type Subject } from "../../domain/CommitRecord.ts"
import { LogDamaged } from "../../domain/EventLog.ts"
import { AggregateId } from "../../domain/Ids.ts"
import type { Line, Stray } from "../../domain/Line.ts"
import type { Stored } from "./follow.ts"

const PREFIX = "crew.evt."
const isId = Schema.is(AggregateId)
// Nothing is transformed: to look whether it is one costs less than to make another.
const isRecord = Schema.is(CommitRecord)
const decode = Schema.decodeUnknownResult(CommitRecord)

/** The one place that makes log subjects. An id that is not one is a defect: Schema refused it long before. */
export const subjectName = ({ id, type }: Subject<string>): string => {
  if (!isId(id)) throw new Error(`not an aggregate id: ${JSON.stringify(id)}`)
  return `${PREFIX}${type}.${id}`
}

/** All aggregates of one type. */
export const subjectsOf = (type: AggregateType): string => `${PREFIX}${type}.*`

const TYPE = /^[a-z][a-z0-9_-]{0,31}$/

/** The aggregate that a subject names, of whatever type. */
const parseSubject = (name: string): Subject<string> | undefined => {
  const [type, id, ...rest] = name.startsWith(PREFIX) ? name.slice(PREFIX.length).split(".") : []
  return type !== undefined && id !== undefined && rest.length === 0 && TYPE.test(type) && isId(id)
    ? { type, id }
    : undefined
}

const knownSubject = (name: string): Subject | undefined => {
  const { id, type } = parseSubject(name) ?? { id: "", type: "" }
  return isAggregateType(type) ? { type, id } : undefined
}

type Message = Pick<Stored, "seq" | "subject" | "data">

const utf8 = new TextDecoder("utf-8", { fatal: true })
const parse = (data: Uint8Array): unknown => JSON.parse(utf8.decode(data))

/** A message of the log as a record; what does not fit the Schema is damage, not input. */
export const parseRecord = (message: Message): Result.Result<Recorded, LogDamaged> => recordIn(message, parse)

const SNAPSHOT = ',"snapshot":{"fold":'

/**
 * The same without the record's snapshot, for those who fold every event themselves: it is more than half of
 * the text. It stands at the end of a record; were it cut anywhere else, what is left would be no JSON.
 */
export const parseBare = (message: Message): Result.Result<Recorded, LogDamaged> =>
  recordIn(message, (data) => {
    const end = Buffer.prototype.indexOf.call(data, SNAPSHOT, 0, "latin1")
    if (end === -1) return parse(data)
    try {
      return JSON.parse(`${utf8.decode(data.subarray(0, end))}}`)
    } catch {
      return parse(data)
    }
  })

const recordIn = (
  { data, seq, subject: name }: Message,
  read: (data: Uint8Array) => unknown,
): Result.Result<Recorded, LogDamaged> => {
  const damaged = (reason: string) => Result.fail(new LogDamaged({ seq, reason }))
  const subject = knownSubject(name)
  if (subject === undefined) return damaged(`${name} is not the subject of an aggregate`)
  try {
    const record = read(data)
    if (isRecord(record)) return Result.succeed({ seq, subject, record })
    return damaged(`is not a commit record: ${String(Result.getFailure(decode(record)))}`)
  } catch (error) {
    return damaged(`is not a commit record: ${String(error)}`)
  }
}

/** Reads whatever stands on the log: what is neither a record nor a stray message is damage. */
export const parseLine = (message: Stored): Result.Result<Line, LogDamaged> =>
  lineOf(message, parseRecord(message))

/** The same without the record's snapshot. */
export const parseBareLine = (message: Stored): Result.Result<Line, LogDamaged> =>
  lineOf(message, parseBare(message))

const lineOf = (
  message: Stored,
  record: Result.Result<Recorded, LogDamaged>,
): Result.Result<Line, LogDamaged> => {
  if (Result.isSuccess(record)) return record
  const content = contentOf(message.data)
  const headers = message.headers()
  const subject = parseSubject(message.subject)
  if (subject !== undefined && !isAggregateType(subject.type) && isRecord(content)) {
    const id = headers?.get("Nats-Msg-Id") ?? ""
    if (id === "" || id.startsWith(`${subject.type}.${subject.id}:`))
      return Result.succeed({ seq: message.seq, subject, record: content })
  }
  return isOurs(message, headers, content) ? record : Result.succeed(strayOf(message, headers, content))
}

const contentOf = (data: Uint8Array): unknown => {
  try {
    return parse(data)
  } catch {
    return undefined
  }
}

const OUR_HEADERS = ["Crew-Command", "Crew-Actor", "Crew-Types"]
const OUR_FIELDS = ["command", "prev", "hash", "events"]

/**
 * Only our publishing writes our headers, so a message with any of them was a record once, whatever it is now. So was
 * one with the fields of a record on the subject of an aggregate.
 */
const isOurs = ({ subject }: Stored, headers: MsgHdrs | undefined, content: unknown): boolean => {
  if (OUR_HEADERS.some((name) => headers?.has(name) === true)) return true
  const place = knownSubject(subject)
  if (place === undefined) return false
  return (
    headers?.get("Nats-Msg-Id").startsWith(`${place.type}.${place.id}:`) === true ||
    (typeof content === "object" && content !== null && OUR_FIELDS.every((name) => name in content))
  )
}

/** True of headers that the server reads or adds itself. */
export const isTheServers = (name: string): boolean => name.toLowerCase().startsWith("nats-")

const strayOf = ({ data, seq, subject }: Stored, headers: MsgHdrs | undefined, content: unknown): Stray => ({
  seq,
  stray: {
    subject,
    reason: reasonOf(subject, content),
    hash: strayHash(subject, data),
    headers: (headers?.keys() ?? [])
      .filter((name) => !isTheServers(name))
      .flatMap((name) => (headers?.values(name) ?? []).map((value) => [name, value] as const)),
    data,
  },
})

/** Tells stray messages apart. */
export const strayHash = (subject: string, data: Uint8Array): string =>
  createHash("sha256").update(`${subject}\n`).update(data).digest("hex")

const reasonOf = (subject: string, content: unknown): string => {
  if (knownSubject(subject) === undefined) return "is no record: its subject is no aggregate's"
  return content === undefined ? "is no record: it is not JSON" : "is no record: its JSON is none"
}
