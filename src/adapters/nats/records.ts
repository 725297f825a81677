import { Result, Schema } from "effect"
import type { AggregateType } from "../../domain/Aggregate.ts"
import { CommitRecord, type Recorded, type Subject } from "../../domain/CommitRecord.ts"
import { LogDamaged } from "../../domain/EventLog.ts"
import { AggregateId } from "../../domain/Ids.ts"

const PREFIX = "crew.evt."
const isId = Schema.is(AggregateId)
const decode = Schema.decodeUnknownResult(CommitRecord)
const types: ReadonlySet<string> = new Set<AggregateType>([
  "project",
  "prefix",
  "plan",
  "task",
  "member",
  "presence",
  "chat",
  "backend",
  "gateway",
  "allowance",
])

/** The one place that makes log subjects. An id that is not one is a defect: Schema refused it long before. */
export const subjectName = ({ id, type }: Subject): string => {
  if (!isId(id)) throw new Error(`not an aggregate id: ${JSON.stringify(id)}`)
  return `${PREFIX}${type}.${id}`
}

/** All aggregates of one type. */
export const subjectsOf = (type: AggregateType): string => `${PREFIX}${type}.*`

const parseSubject = (name: string): Subject | undefined => {
  const [type, id, ...rest] = name.startsWith(PREFIX) ? name.slice(PREFIX.length).split(".") : []
  return type !== undefined && id !== undefined && rest.length === 0 && types.has(type) && isId(id)
    ? { type: type as AggregateType, id }
    : undefined
}

/** A message of the log as a record; what does not fit the Schema is damage, not input. */
export const parseRecord = (message: {
  readonly seq: number
  readonly subject: string
  readonly data: Uint8Array
}): Result.Result<Recorded, LogDamaged> => {
  const { seq } = message
  const subject = parseSubject(message.subject)
  if (subject === undefined) {
    return Result.fail(
      new LogDamaged({ seq, reason: `${message.subject} is not the subject of an aggregate` }),
    )
  }
  const json = Result.try(() => JSON.parse(new TextDecoder().decode(message.data)) as unknown)
  return Result.flatMap(json, decode).pipe(
    Result.map((record) => ({ seq, subject, record })),
    Result.mapError((error) => new LogDamaged({ seq, reason: `is not a commit record: ${String(error)}` })),
  )
}
