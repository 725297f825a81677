import { Context, type Effect, type Stream } from "effect"
import type { Frame } from "./ReadModel.ts"

/**
 * Announcements of the projecting node: to every node, that the read model has reached a position, and to
 * everybody the frames that this brought. At most once and unordered is enough: a reader that waits for a
 * position also polls the checkpoint, and one that missed a frame reads the feed.
 */
export class Announcements extends Context.Service<
  Announcements,
  {
    readonly publish: (seq: number, frames?: ReadonlyArray<Frame>) => Effect.Effect<void>
    /** Positions as other nodes announce them; this node's own need not come back. Never fails: it reconnects by itself. */
    readonly positions: Stream.Stream<number>
  }
>()("crewlog/projections/Announcements") {}
