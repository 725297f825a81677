import { Effect, Schema } from "effect"
import { Seq, Uuid } from "../domain/Ids.ts"
import { ReadModel } from "../projections/ReadModel.ts"
import { paging } from "./cursors.ts"
import { FeedExpired } from "./EdgeRefusal.ts"
import * as examples from "./examples.ts"
import { FrameBody, frameOf } from "./frames.ts"
import { hears } from "./hears.ts"
import { question } from "./Operation.ts"
import { anyone } from "./rights.ts"

/** Frames that are looked at by default; those that the caller does not hear are left out. */
const LOOK_AT = 200

const followFeed = question({
  name: "feed.after",
  summary: "Lists the frames after a position",
  description:
    "For who missed what was pushed: under the filters of the caller's own sockets, in order, without a gap. Frames are kept for 7 days.",
  input: { after: Seq, project_id: Schema.optionalKey(Uuid), limit: paging.limit },
  query: ["after", "project_id", "limit"],
  output: Schema.Array(FrameBody),
  rest: ["GET", "/api/v1/feed", 200],
  may: anyone,
  refusals: ["FeedExpired"],
  example: { input: { after: 16 }, output: [examples.frame] },
  from: "tables",
  // A listener that saw a frame saw the read model there: one that is behind is being made anew.
  atLeast: ({ after }) => after,
  ask: Effect.fnUntraced(function* ({ after, limit = LOOK_AT, project_id }, { member }) {
    const range = { after, upTo: Number.MAX_SAFE_INTEGER, limit }
    const { seq, value } = yield* ReadModel.use((model) => model.feed(range))
    const { frames, kept } = value
    if (after < kept) return yield* new FeedExpired({ kept })
    const told = frames.filter(
      (frame) =>
        hears(member, frame) &&
        (project_id === undefined || frame.project_id === null || frame.project_id === project_id),
    )
    // A record's frames are never on two pages, so that its position says where the next one begins.
    const next = frames.length < limit ? {} : { next: { after: frames.at(-1)?.seq ?? after } }
    return { seq, body: told.map(frameOf), ...next }
  }),
})

export const feed = [followFeed]
