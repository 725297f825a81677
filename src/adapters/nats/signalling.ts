import type { MsgHdrs } from "@nats-io/nats-core"
import { Effect } from "effect"
import { LogUnavailable } from "../../domain/EventLog.ts"
import type { Nats } from "./Connection.ts"
import { publishing } from "./publishing.ts"

interface Signal {
  readonly subject: string
  readonly payload: string
  readonly headers?: MsgHdrs
}

/** Milliseconds in which the stream of signals answers. */
const ANSWER_WITHIN = 2_000

/** Sends signals, once each: when it fails they may be stored or not. */
export const signalling = (nats: Nats["Service"]) => {
  const publish = publishing(nats)
  return (signal: Signal): Effect.Effect<void, LogUnavailable> =>
    Effect.callback((resume) =>
      publish({
        ...signal,
        within: ANSWER_WITHIN,
        settle: (said) =>
          resume(
            said._tag === "Stored"
              ? Effect.void
              : Effect.fail(new LogUnavailable({ reason: said.reason, unknown: false })),
          ),
      }),
    )
}
