import { Context, type Effect, type Stream } from "effect"
import type { Head, LogUnavailable } from "../domain/EventLog.ts"
import type { UsageRecord } from "../domain/Usage.ts"

/**
 * The usage records that one node metered in a moment. `number` counts the batches of a node from 1: they
 * come in this order, and a batch that comes again (its first answer was lost, for longer than the log
 * remembers) has a number that was there.
 */
export interface UsageBatch {
  readonly seq: number
  /** The process of the program; another one after a restart. */
  readonly node: string
  readonly number: number
  readonly records: ReadonlyArray<UsageRecord>
}

/**
 * The batches of all gateways, on the log of signals and kept for 7 days. Holes are normal; a batch that
 * can't be read has number 0.
 */
export class UsageLog extends Context.Service<
  UsageLog,
  {
    /**
     * Every batch after a sequence that is still there, then whatever comes next; at the start and after a lost link
     * some come again, so that none is missed of a log that lost its end. Never ends by itself.
     */
    readonly follow: (after: number) => Stream.Stream<UsageBatch, LogUnavailable>
    /** Likewise every batch that was stored since a time (milliseconds); those of `own` without their records. */
    readonly since: (time: number, own: string) => Stream.Stream<UsageBatch, LogUnavailable>
    /** The position of the newest batch of any node, and the time at which it was stored (milliseconds). */
    readonly newest: Effect.Effect<{ readonly seq: number; readonly at: number } | undefined, LogUnavailable>
    readonly head: Effect.Effect<Head, LogUnavailable>
  }
>()("crewlog/projections/UsageLog") {}
