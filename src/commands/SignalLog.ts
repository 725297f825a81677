import { Context, type Effect, type Stream } from "effect"
import type { LogUnavailable } from "../domain/EventLog.ts"
import type { ReportedStatus } from "../domain/Presence.ts"

/** A sign of life of a member at `at`. `node` heard the member itself say its status; a mere call says none. */
export interface Beat {
  readonly id: string
  readonly slug: string
  readonly status: typeof ReportedStatus.Type
  readonly at: string
  readonly node?: string
}

/** The log of signals as commands use it: to add a sign of life, and to ask for a member's newest. */
export class SignalLog extends Context.Service<
  SignalLog,
  {
    readonly beat: (beat: Beat) => Effect.Effect<void, LogUnavailable>
    /** The signs of life that are added from now on, by any node; some may be left out. Never ends by itself. */
    readonly beats: Stream.Stream<Omit<Beat, "at">>
    /** Fails while signs of life can't be recorded. */
    readonly reachable: Effect.Effect<void, LogUnavailable>
    /** Straight from the log, not from what is projected. Undefined: none within the 7 days that are kept. */
    readonly last: (member: string) => Effect.Effect<Pick<Beat, "at" | "status"> | undefined, LogUnavailable>
  }
>()("crewlog/commands/SignalLog") {}
