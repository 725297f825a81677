import { Effect, Layer, References, Result, Stream } from "effect"
import type { AggregateType } from "../../domain/Aggregate.ts"
import type { Recorded, Subject } from "../../domain/CommitRecord.ts"
import { EventLog, LogDamaged } from "../../domain/EventLog.ts"
import { isRecorded, isStray, type Line } from "../../domain/Line.ts"
import { appender } from "./append.ts"
import { asker } from "./ask.ts"
import { Nats } from "./Connection.ts"
import { follow, newest, readUpTo } from "./follow.ts"
import { parseBareLine, parseLine, subjectName, subjectsOf } from "./records.ts"
import { StrayTails } from "./StrayTails.ts"
import { LOG_STREAM } from "./streams.ts"

/** The log on JetStream. */
export const layer = Layer.effect(
  EventLog,
  Effect.gen(function* () {
    const nats = yield* Nats
    const tails = new StrayTails()
    const append = appender(nats, tails)
    const isTraced = yield* References.TracerEnabled

    const ask = asker(nats)
    const info = ask(() => nats.jsm.streams.info(LOG_STREAM))
    const replicas = (yield* info).config.num_replicas

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

    return EventLog.of({
      append: (request) => (isTraced ? Effect.withSpan(append(request), "EventLog.append") : append(request)),
      last,
      at,
      line: (seq) => get({ seq }),
      follow: (after, parts = "whole") => {
        const parse = parts === "events" ? parseBareLine : parseLine
        return follow(nats, LOG_STREAM, undefined, after, (message, previous) =>
          message.seq === previous + 1
            ? parse(message)
            : Result.fail(
                new LogDamaged({
                  seq: previous + 1,
                  reason: `is missing: ${message.seq} follows ${previous}`,
                }),
              ),
        )
      },
      newest: newestOf,
      followType: (type, after) =>
        follow(nats, LOG_STREAM, subjectsOf(type), after, parseLine).pipe(Stream.filter(isRecorded)),
      head: Effect.map(info, ({ created, state }) => ({
        epoch: String(created),
        first: state.first_seq,
        last: state.last_seq,
      })),
    })
  }),
)

const onlyRecords = (line: Line | undefined): Recorded | undefined =>
  line !== undefined && isRecorded(line) ? line : undefined
