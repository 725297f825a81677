import { Effect } from "effect"
import type { LogUnavailable } from "../../domain/EventLog.ts"
import type { ReadModelUnavailable } from "../../projections/ReadModel.ts"
import type { FrameOf } from "./clientFrames.ts"
import type { Crew } from "./Crew.ts"
import type { Cut, FeedPage } from "./Hub.ts"
import type { ResumeRefusal } from "./serverFrames.ts"

/** Where a connection begins to be told: after a position, with what was read already; or why not where it wished. */
export interface Start {
  readonly from: number
  readonly first?: FeedPage
  readonly cutAt?: Cut
  readonly refused?: ResumeRefusal
}

/**
 * A resume is all that was missed or nothing: what can't be followed without a gap is refused and
 * starts at `head`, the position that the welcome is the state of.
 */
export const startOf = (
  { epoch: own, hub, log }: Crew,
  { epoch, idx, resume }: FrameOf<"auth">,
  head: number,
): Effect.Effect<Start, ReadModelUnavailable | LogUnavailable> =>
  Effect.gen(function* () {
    if (resume === undefined) return { from: head }
    if (epoch !== own) return { from: head, refused: "epoch_mismatch" }
    // A read model that is being made anew may be behind what the client has seen: that is no loss.
    if (resume > head && resume > (yield* log.head).last) return { from: head, refused: "position_ahead" }
    // Cut between two frames of one record: its first ones are known.
    const cutAt = idx === undefined || resume === 0 ? undefined : { seq: resume, idx }
    const from = cutAt === undefined ? resume : resume - 1
    return yield* hub.read(from).pipe(
      Effect.map((first): Start => ({ from, first, ...(cutAt === undefined ? {} : { cutAt }) })),
      Effect.catchTag("FeedExpired", () =>
        Effect.succeed<Start>({ from: head, refused: "position_expired" }),
      ),
    )
  })
