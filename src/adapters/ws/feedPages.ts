import { Effect } from "effect"
import { FeedExpired } from "../../operations/EdgeRefusal.ts"
import { type Feed, ReadModel } from "../../projections/ReadModel.ts"
import type { FeedPage } from "./Listener.ts"

/** Frames that are read in one go. */
const PAGE = 500

const pageOf = (after: number, seq: number, { frames }: Feed): FeedPage => {
  const isLast = frames.length < PAGE
  return { frames, isLast, end: Math.max(after, isLast ? seq : (frames.at(-1)?.seq ?? after)) }
}

/** Reads the frames that follow a position now; refused when some of them are gone. */
export const makeFeedPages = Effect.map(ReadModel, (readModel) =>
  Effect.fnUntraced(function* (after: number) {
    const { seq, value } = yield* readModel.feed({ after, upTo: Number.MAX_SAFE_INTEGER, limit: PAGE })
    return after < value.kept ? yield* new FeedExpired({ kept: value.kept }) : pageOf(after, seq, value)
  }),
)
