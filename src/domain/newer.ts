import { Effect, Schema, type SchemaAST } from "effect"
import { chained, type Recorded, type StoredEvent } from "./CommitRecord.ts"
import type { Digest } from "./Digest.ts"
import { type EventLog, LogDamaged, NewerRecord } from "./EventLog.ts"
import { isStray, nameOf } from "./Line.ts"

/** The newest version of each event that a program can read, by the event's tag. */
export type Versions = ReadonlyMap<string, number>

const literalOf = (ast: SchemaAST.AST, name: string): unknown => {
  if (ast._tag !== "Objects") return undefined
  const type = ast.propertySignatures.find((property) => property.name === name)?.type
  return type?._tag === "Literal" ? type.literal : undefined
}

const membersOf = (ast: SchemaAST.AST): ReadonlyArray<SchemaAST.AST> =>
  ast._tag === "Union" ? ast.types.flatMap(membersOf) : [ast]

/** The versions that a Schema of events decodes, older ones that it lifts included. */
export const versionsOf = (events: Schema.Codec<unknown, unknown>): Versions => {
  const versions = new Map<string, number>()
  for (const member of membersOf(Schema.toEncoded(events).ast)) {
    const [tag, version] = [literalOf(member, "_tag"), literalOf(member, "v")]
    if (typeof tag !== "string" || typeof version !== "number") continue
    versions.set(tag, Math.max(version, versions.get(tag) ?? 0))
  }
  return versions
}

/** The first event that only a newer program can read. */
export const newerEvent = (versions: Versions, events: ReadonlyArray<StoredEvent>): StoredEvent | undefined =>
  events.find(({ _tag, v }) => v > (versions.get(_tag) ?? 0))

/** An event and its version, for people. */
export const eventName = ({ _tag, v }: StoredEvent): string => `${_tag} v${v}`

/**
 * Tells whether a record's hash follows from its aggregate's record before. What can't be read otherwise is then the
 * work of a program of ours, and no damage.
 */
export const isChained = Effect.fnUntraced(function* (
  log: EventLog["Service"],
  digest: Pick<Digest["Service"], "sha256">,
  { record, seq, subject }: Recorded<string>,
) {
  const isRight = (previous: string) => record.hash === digest.sha256(chained(previous, record))
  if (record.prev === 0) return isRight("")
  const before = record.prev < seq ? yield* log.line(record.prev) : undefined
  if (before === undefined || isStray(before)) return false
  return (
    before.subject.type === subject.type && before.subject.id === subject.id && isRight(before.record.hash)
  )
})

/** Tells why a record can't be decoded: a newer program's is whole, its hash says so; any other is damaged. */
export const unreadableBy = (
  { events }: { readonly events: Schema.Codec<unknown, unknown> },
  log: EventLog["Service"],
  digest: Pick<Digest["Service"], "sha256">,
) => {
  const versions = versionsOf(events)
  return Effect.fnUntraced(function* (recorded: Recorded, reason: string) {
    const { record, seq } = recorded
    const newer = newerEvent(versions, record.events)
    if (newer !== undefined && (yield* isChained(log, digest, recorded))) {
      return yield* new NewerRecord({ seq, subject: nameOf(recorded), what: eventName(newer) })
    }
    return yield* new LogDamaged({ seq, reason })
  })
}
