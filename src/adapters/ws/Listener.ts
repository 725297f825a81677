import type { Effect } from "effect"
import type { Closing } from "./closeCodes.ts"
import type { Frame } from "../../projections/ReadModel.ts"

/** A connection that is told of what happens. The hub alone writes `live` and `reached`. */
export interface Listener {
  readonly slug: string
  /** The projects it listens to, and the position from which on. */
  readonly projects: Map<string, number>
  /** True while the hub itself tells it; before that it is catching up, or did not begin yet. */
  live: boolean
  /** Everything up to here that it was to be told has been written. */
  reached: number
  /** Of this record it had the frames up to `idx` before it came. */
  readonly cutAt: Cut | undefined
  /** Frames of this tick that wait to be written. */
  readonly outbox: Array<Buffer>
  readonly isOpen: boolean
  readonly write: (frames: ReadonlyArray<Buffer>) => void
  readonly drained: Effect.Effect<void>
  readonly close: (closing: Closing) => void
}

/** A place between two frames of one record. */
export interface Cut {
  readonly seq: number
  readonly idx: number
}

/** The position after which frames were missed, and of which record some were there already. */
export interface Since {
  readonly from: number
  readonly cutAt?: Cut
}

/** Frames that follow a position without a gap, and the position that they lead to. */
export interface FeedPage {
  readonly frames: ReadonlyArray<Frame>
  readonly end: number
  readonly isLast: boolean
}

/** The read model may lose its last records in a crash, and get them again when somebody has long been told. */
export const hasHad = (
  { cutAt, reached }: Pick<Listener, "cutAt" | "reached">,
  { idx, seq }: Frame,
): boolean => seq <= reached || (seq === cutAt?.seq && idx <= cutAt.idx)
