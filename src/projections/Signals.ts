import { Context, type Effect, type Stream } from "effect"
import type { Head, LogUnavailable } from "../domain/EventLog.ts"

/** A sign of life: the member was heard of at `at`. */
export interface Heartbeat {
  readonly seq: number
  readonly id: string
  readonly slug: string
  readonly at: string
}

/** The log of signals (`CREW_SIGNALS`): kept 7 days, so it may begin later than asked for. Holes are normal, what is no heartbeat is skipped. */
export class Signals extends Context.Service<
  Signals,
  {
    /** Every heartbeat after a sequence that is still there, then whatever comes next. Never ends by itself. */
    readonly follow: (after: number) => Stream.Stream<Heartbeat, LogUnavailable>
    readonly head: Effect.Effect<Head, LogUnavailable>
  }
>()("crewlog/projections/Signals") {}
