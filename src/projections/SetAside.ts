import { Context, type Effect } from "effect"
import type { ReadModelUnavailable } from "./ReadModel.ts"

/** A line of the log that the tables do not show, and why. */
export interface Aside {
  readonly seq: number
  /** The aggregate as `<type>.<id>`, or the subject of a stray message. */
  readonly name: string
  /** Nothing of the content. */
  readonly why: string
}

/** Lines of one kind: their number, and the first few. */
export interface Asides {
  readonly count: number
  readonly first: ReadonlyArray<Aside>
}

/** The lines that the projector stepped over, as of the tables' position. */
export class SetAside extends Context.Service<
  SetAside,
  {
    /** Records that can't be projected by the program that projects now, and messages that are no records. */
    readonly look: Effect.Effect<{ readonly parked: Asides; readonly strays: Asides }, ReadModelUnavailable>
  }
>()("crewlog/projections/SetAside") {}
