import { Effect } from "effect"
import type { LogUnavailable } from "../../domain/EventLog.ts"
import { EpochMismatch, type FeedExpired, PositionAhead } from "../../operations/EdgeRefusal.ts"
import type { ReadModelUnavailable } from "../../projections/ReadModel.ts"
import type { FrameOf } from "./clientFrames.ts"
import type { Crew } from "./Crew.ts"
import type { FeedPage, Since } from "./Listener.ts"

/** The position after which a connection is told, with what was read already; or why it is not where it wished. */
export interface Start extends Since {
  readonly first?: FeedPage
  readonly refused?: EpochMismatch | PositionAhead | FeedExpired
}

/**
 * A resume is all that was missed or nothing: a position that can't be followed without a gap is refused, and the
 * connection starts at `head`, the position that the welcome is the state of.
 */
export const startOf = (
  { epoch: own, hub, log }: Crew,
  { epoch, idx, resume }: FrameOf<"auth">,
  head: number,
): Effect.Effect<Start, ReadModelUnavailable | LogUnavailable> =>
  Effect.gen(function* () {
    if (resume === undefined) return { from: head }
    if (epoch !== own) return { from: head, refused: new EpochMismatch() }
    // A read model that is being made anew may be behind what the client has seen: that is no loss.
    if (resume > head && resume > (yield* log.head).last) return { from: head, refused: new PositionAhead() }
    // Cut between two frames of one record: its first ones are known.
    const cutAt = idx === undefined || resume === 0 ? undefined : { seq: resume, idx }
    const from = cutAt === undefined ? resume : resume - 1
    return yield* hub.read(from).pipe(
      Effect.map((first): Start => ({ from, first, ...(cutAt === undefined ? {} : { cutAt }) })),
      Effect.catchTag("FeedExpired", (refused) => Effect.succeed<Start>({ from: head, refused })),
    )
  })
