import { Effect, Schedule } from "effect"
import { LogUnavailable } from "../../domain/EventLog.ts"
import type { Nats } from "./Connection.ts"

const away = (reason: string) => new LogUnavailable({ reason, unknown: false })

/** Reads are repeated for a moment: a server that restarts should not be seen by callers. */
const soon = Schedule.spaced("100 millis").pipe(Schedule.upTo({ times: 20 }))

/** Asks once. What was on its way when the link broke is never answered, and that is known at once. */
const askOnce =
  (nats: Nats["Service"]) =>
  <Value>(run: () => Promise<Value>): Effect.Effect<Value, LogUnavailable> =>
    Effect.callback((resume) => {
      if (!nats.isUp()) return resume(Effect.fail(away("the connection is down")))
      const forget = nats.onLost(() => settle(Effect.fail(away("the connection was lost"))))
      const settle = (answer: Effect.Effect<Value, LogUnavailable>) => {
        forget()
        resume(answer)
      }
      run().then(
        (answer) => settle(Effect.succeed(answer)),
        (cause: unknown) => settle(Effect.fail(away(String(cause)))),
      )
      return Effect.sync(forget)
    })

/**
 * A way to ask that repeats itself: what is asked without a link is never sent, and what was on its way when
 * the link broke is never answered: both are asked again soon, and not only after the driver's time-out. For
 * reads.
 */
export const asker =
  (nats: Nats["Service"]) =>
  <Value>(run: () => Promise<Value>): Effect.Effect<Value, LogUnavailable> =>
    Effect.retry(askOnce(nats)(run), soon)
