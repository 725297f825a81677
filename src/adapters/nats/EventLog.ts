import { Effect, Layer, Result, Schedule } from "effect"
import { EventLog, LogDamaged, LogUnavailable } from "../../domain/EventLog.ts"
import { appender } from "./append.ts"
import { Nats } from "./Connection.ts"
import { follow, newest } from "./follow.ts"
import { parseRecord, subjectName, subjectsOf } from "./records.ts"
import { LOG_STREAM } from "./streams.ts"

const away = (reason: string) => new LogUnavailable({ reason, unknown: false })

/** Reads are repeated for a moment: a server that restarts should not be seen by callers. */
const soon = Schedule.spaced("100 millis").pipe(Schedule.upTo({ times: 20 }))

/** The log on JetStream. */
export const layer = Layer.effect(
  EventLog,
  Effect.gen(function* () {
    const nats = yield* Nats

    /**
     * What is asked without a link is never sent, and what was on its way when the link broke is never
     * answered: both are asked again soon, and not only after the driver's time-out.
     */
    const ask = <A>(run: () => Promise<A>) =>
      Effect.callback<A, LogUnavailable>((resume) => {
        if (!nats.isUp()) return resume(Effect.fail(away("the connection is down")))
        const forget = nats.onLost(() => settle(Effect.fail(away("the connection was lost"))))
        const settle = (answer: Effect.Effect<A, LogUnavailable>) => {
          forget()
          resume(answer)
        }
        run().then(
          (answer) => settle(Effect.succeed(answer)),
          (cause: unknown) => settle(Effect.fail(away(String(cause)))),
        )
        return Effect.sync(forget)
      }).pipe(Effect.retry(soon))

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
      append: appender(nats),
      last: (subject) => get({ last_by_subj: subjectName(subject) }),
      at: (seq) => get({ seq }),
      follow: (after) =>
        follow(nats, LOG_STREAM, undefined, after, (message, previous) =>
          message.seq === previous + 1
            ? parseRecord(message)
            : Result.fail(
                new LogDamaged({
                  seq: previous + 1,
                  reason: `is missing: ${message.seq} follows ${previous}`,
                }),
              ),
        ),
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
