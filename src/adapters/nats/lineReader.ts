import { Effect, Result } from "effect"
import type { AggregateType } from "../../domain/Aggregate.ts"
import type { Recorded, Subject } from "../../domain/CommitRecord.ts"
import { isRecorded, isStray, type Line } from "../../domain/Line.ts"
import { asker } from "./ask.ts"
import type { Nats } from "./Connection.ts"
import { newest, readUpTo } from "./follow.ts"
import { parseLine, subjectName, subjectsOf } from "./records.ts"
import type { StrayTails } from "./StrayTails.ts"
import { LOG_STREAM } from "./streams.ts"

const onlyRecords = (line: Line | undefined): Recorded | undefined =>
  line !== undefined && isRecorded(line) ? line : undefined

/** Reads single lines of the log, and the newest records of subjects. */
export const lineReader = (nats: Nats["Service"], tails: StrayTails, replicas: number) => {
  const ask = asker(nats)

  /** With one replica any answer is the newest; with more only the leader's is. */
  const get = (query: { readonly seq: number } | { readonly last_by_subj: string }) =>
    ask(() =>
      replicas === 1
        ? nats.jsm.direct.getMessage(LOG_STREAM, query)
        : nats.jsm.streams.getMessage(LOG_STREAM, query),
    ).pipe(
      Effect.flatMap((message) => {
        if (message === null) return Effect.undefined
        const { data, header, seq, subject } = message
        return Effect.fromResult(parseLine({ seq, subject, data, headers: () => header }))
      }),
    )
  const at = (seq: number) => Effect.map(get({ seq }), onlyRecords)

  /** Looks for the newest record before a stray message, in everything that the subject has: nothing leads back there. */
  const beforeStray = Effect.fnUntraced(function* (subject: string, stray: number) {
    const known = tails.recordBefore(subject, stray)
    if (known !== undefined) return known === 0 ? undefined : yield* at(known)
    let found: Recorded | undefined
    const bad = yield* ask(() =>
      readUpTo(nats, LOG_STREAM, { subject, end: stray }, (message) => {
        const line = parseLine(message)
        if (Result.isFailure(line)) return line.failure
        found = onlyRecords(line.success) ?? found
        return undefined
      }),
    )
    if (bad !== undefined) return yield* bad
    tails.note(subject, { record: found?.seq ?? 0, stray })
    return found
  })

  const last = Effect.fnUntraced(function* (subject: Subject) {
    const name = subjectName(subject)
    const line = yield* get({ last_by_subj: name })
    if (line === undefined || !isStray(line)) return onlyRecords(line)
    return yield* beforeStray(name, line.seq)
  })

  const newestOf = Effect.fnUntraced(function* (type: AggregateType) {
    const messages = yield* ask(() => newest(nats, LOG_STREAM, subjectsOf(type)))
    const found = yield* Effect.forEach(messages, (message) =>
      Effect.flatMap(Effect.fromResult(parseLine(message)), (line) =>
        isStray(line) ? beforeStray(line.stray.subject, line.seq) : Effect.succeed(onlyRecords(line)),
      ),
    )
    return found.filter((recorded) => recorded !== undefined).toSorted((one, other) => one.seq - other.seq)
  })

  return { at, last, line: (seq: number) => get({ seq }), newest: newestOf }
}
