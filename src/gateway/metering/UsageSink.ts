import { Context, type Effect } from "effect"
import type { LogUnavailable } from "../../domain/EventLog.ts"
import type { Taken } from "./Waiting.ts"

/** The place that a node's batches of usage records go to. */
export class UsageSink extends Context.Service<
  UsageSink,
  {
    /** This process, among all that meter. */
    readonly node: string
    /**
     * Numbers count up from 1; what was not stored for certain is added again under its number, with the same
     * records, before the next.
     */
    readonly add: (number: number, taken: Taken) => Effect.Effect<void, LogUnavailable>
  }
>()("crewlog/gateway/metering/UsageSink") {}
