import { Effect, Layer, References, Result, Stream } from "effect"
import { EventLog, LogDamaged } from "../../domain/EventLog.ts"
import { isRecorded } from "../../domain/Line.ts"
import { appender } from "./append.ts"
import { asker } from "./ask.ts"
import { Nats } from "./Connection.ts"
import { follow, type Stored } from "./follow.ts"
import { lineReader } from "./lineReader.ts"
import { parseBareLine, parseLine, subjectsOf } from "./records.ts"
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

    const info = asker(nats)(() => nats.jsm.streams.info(LOG_STREAM))
    const { at, last, line, newest } = lineReader(nats, tails, (yield* info).config.num_replicas)

    return EventLog.of({
      append: (request) => (isTraced ? Effect.withSpan(append(request), "EventLog.append") : append(request)),
      last,
      at,
      line,
      follow: (after, parts = "whole") => {
        const parse = parts === "events" ? parseBareLine : parseLine
        return follow(nats, LOG_STREAM, undefined, after, withoutGaps(parse))
      },
      newest,
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

/** Parses messages that follow one another: a number that is missing is damage. */
const withoutGaps =
  (parse: typeof parseLine) =>
  (message: Stored, previous: number): ReturnType<typeof parseLine> =>
    message.seq === previous + 1
      ? parse(message)
      : Result.fail(
          new LogDamaged({ seq: previous + 1, reason: `is missing: ${message.seq} follows ${previous}` }),
        )
