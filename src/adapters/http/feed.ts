import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { ReadModel } from "../../projections/ReadModel.ts"
import { FeedExpired } from "../EdgeRefusal.ts"
import { frameOf } from "../frames.ts"
import { hears } from "../ws/hears.ts"
import { Answers } from "./Answers.ts"
import { Api } from "./Api.ts"

/** How many frames are looked at by default; those that the caller does not hear are left out. */
const LOOK_AT = 200

/** What was pushed after a position, for who missed it, under the filters of the caller's own sockets. */
export const FeedHandlers = HttpApiBuilder.group(
  Api,
  "feed",
  Effect.fnUntraced(function* (handlers) {
    const answers = yield* Answers
    const readModel = yield* ReadModel

    return handlers.handleAll({
      after: ({ query: { after, limit = LOOK_AT, project_id } }) =>
        answers.to(
          Effect.fnUntraced(function* (exchange) {
            // Who saw a frame saw the read model there: one that is behind is being made anew.
            const minSeq = Math.max(after, exchange.minSeq ?? 0)
            const range = { after, upTo: Number.MAX_SAFE_INTEGER, limit }
            const seen = yield* answers.read({ ...exchange, minSeq }, readModel.feed(range))
            const { frames, kept } = seen.value
            if (after < kept) return yield* new FeedExpired({ kept })
            const told = frames.filter(
              (frame) =>
                hears(exchange.member, frame) &&
                (project_id === undefined || frame.project_id === null || frame.project_id === project_id),
            )
            return answers.seen(exchange, seen, told.map(frameOf), {
              headers: frames.length < limit ? {} : next(exchange.url, frames.at(-1)?.seq ?? after),
            })
          }),
        ),
    })
  }),
)

/** A record's frames are never on two pages, so that its position says where the next one begins. */
const next = (url: string, after: number): Record<string, string> => {
  const [path = "", query = ""] = url.split("?", 2)
  const params = new URLSearchParams(query)
  params.set("after", String(after))
  return { link: `<${path}?${params.toString()}>; rel="next"` }
}
