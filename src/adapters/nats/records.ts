import { Result, Schema } from "effect"
import { type AggregateType, isAggregateType } from "../../domain/Aggregate.ts"
import { CommitRecord, type Recorded, type Subject } from "../../domain/CommitRecord.ts"
import { LogDamaged } from "../../domain/EventLog.ts"
import { AggregateId } from "../../domain/Ids.ts"

const PREFIX = "crew.evt."
const isId = Schema.is(AggregateId)
// Nothing is transformed: to look whether it is one costs less than to make another.
const isRecord = Schema.is(CommitRecord)
const decode = Schema.decodeUnknownResult(CommitRecord)

/** The one place that makes log subjects. An id that is not one is a defect: Schema refused it long before. */
export const subjectName = ({ id, type }: Subject): string => {
  if (!isId(id)) throw new Error(`not an aggregate id: ${JSON.stringify(id)}`)
  return `${PREFIX}${type}.${id}`
}

/** All aggregates of one type. */
export const subjectsOf = (type: AggregateType): string => `${PREFIX}${type}.*`

const parseSubject = (name: string): Subject | undefined => {
  const [type, id, ...rest] = name.startsWith(PREFIX) ? name.slice(PREFIX.length).split(".") : []
  return type !== undefined && id !== undefined && rest.length === 0 && isAggregateType(type) && isId(id)
    ? { type, id }
    : undefined
}

interface Message {
  readonly seq: number
  readonly subject: string
  readonly data: Uint8Array
}

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
  const subject = parseSubject(name)
  if (subject === undefined) return damaged(`${name} is not the subject of an aggregate`)
  try {
    const record = read(data)
    if (isRecord(record)) return Result.succeed({ seq, subject, record })
    return damaged(`is not a commit record: ${String(Result.getFailure(decode(record)))}`)
  } catch (error) {
    return damaged(`is not a commit record: ${String(error)}`)
  }
}
