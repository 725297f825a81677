import { Effect, Layer, References, Result } from "effect"
import { EventLog, LogDamaged } from "../../domain/EventLog.ts"
import { appender } from "./append.ts"
import { asker } from "./ask.ts"
import { Nats } from "./Connection.ts"
import { follow, newest } from "./follow.ts"
import { parseBare, parseRecord, subjectName, subjectsOf } from "./records.ts"
import { LOG_STREAM } from "./streams.ts"

/** The log on JetStream. */
export const layer = Layer.effect(
  EventLog,
  Effect.gen(function* () {
    const nats = yield* Nats
    const append = appender(nats)
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
        Effect.flatMap((message) =>
          message === null ? Effect.undefined : Effect.fromResult(parseRecord(message)),
        ),
      )

    return EventLog.of({
      append: (request) => (isTraced ? Effect.withSpan(append(request), "EventLog.append") : append(request)),
      last: (subject) => get({ last_by_subj: subjectName(subject) }),
      at: (seq) => get({ seq }),
      follow: (after, parts = "whole") => {
        const parse = parts === "events" ? parseBare : parseRecord
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
      newest: (type) =>
        ask(() => newest(nats, LOG_STREAM, subjectsOf(type))).pipe(
          Effect.flatMap(Effect.forEach((message) => Effect.fromResult(parseRecord(message)))),
        ),
      followType: (type, after) => follow(nats, LOG_STREAM, subjectsOf(type), after, parseRecord),
      head: Effect.map(info, ({ created, state }) => ({
        epoch: String(created),
        first: state.first_seq,
        last: state.last_seq,
      })),
    })
  }),
)
