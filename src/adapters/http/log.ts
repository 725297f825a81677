import { Effect, Stream } from "effect"
import { HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { EventLog } from "../../domain/EventLog.ts"
import { matching } from "../../projections/matching.ts"
import { Roster } from "../../projections/Roster.ts"
import { Answers } from "./Answers.ts"
import { Api } from "./Api.ts"
import { Closing } from "./Closing.ts"
import { adminsOnly, type Exchange, isStillAdmin } from "./Exchange.ts"
import { conditionsOf } from "./logBodies.ts"
import { logPage } from "./logPage.ts"
import { logStream } from "./logStream.ts"

type Current = Exchange["Service"]

const DEFAULT = 50

const adminOf = (exchange: Current) => Effect.fromResult(adminsOnly(exchange, "read the log"))

/** The same question about what comes after a position. */
const next = (url: string, after: number): Record<string, string> => {
  const [path = "", query = ""] = url.split("?", 2)
  const params = new URLSearchParams(query)
  params.set("after", String(after))
  return { link: `<${path}?${params.toString()}>; rel="next"` }
}

/** The log itself, for auditors: in pages, and as it grows. */
export const LogHandlers = HttpApiBuilder.group(
  Api,
  "log",
  Effect.fnUntraced(function* (handlers) {
    const answers = yield* Answers
    const closing = yield* Closing
    const log = yield* EventLog
    const roster = yield* Roster

    /** Whether the token that the reader came with still opens the log. */
    const mayRead = ({ member }: Current) => isStillAdmin(member, roster.bySlug(member.slug))

    return handlers.handleAll({
      list: ({ query: { after = 0, limit = DEFAULT, ...asked } }) =>
        answers.to(
          Effect.fnUntraced(function* (exchange) {
            yield* adminOf(exchange)
            const matches = matching(conditionsOf(asked))
            const { isEnd, records, upTo } = yield* logPage(log, after, { limit, matches })
            const headers = isEnd ? {} : next(exchange.url, upTo)
            return answers.seen(exchange, { seq: upTo }, records, { headers })
          }),
        ),
      stream: ({ headers, query: { after, ...asked } }) =>
        answers.to(
          Effect.fnUntraced(function* (exchange) {
            yield* adminOf(exchange)
            const from = headers["last-event-id"] ?? after ?? (yield* log.head).last
            const events = logStream(log, from, {
              matches: matching(conditionsOf(asked)),
              isAllowed: () => mayRead(exchange),
              changes: roster.changes,
            })
            return HttpServerResponse.stream(
              events.pipe(Stream.interruptWhen(closing.begun), Stream.encodeText),
              {
                contentType: "text/event-stream",
                headers: { "crewlog-seq": String(from), "x-accel-buffering": "no" },
              },
            )
          }),
        ),
    })
  }),
)
