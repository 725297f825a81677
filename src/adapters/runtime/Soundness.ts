import { Deferred, Effect, Layer, Option } from "effect"
import { EventLog } from "../../domain/EventLog.ts"
import { checkLog } from "../../projections/checkLog.ts"
import { ReadModel } from "../../projections/ReadModel.ts"
import { auditLog } from "../nats/auditLog.ts"
import { collectGarbage } from "./collectGarbage.ts"
import { Workers } from "./Workers.ts"

/** The time for which the log is read before the doors open; the rest of a long one is read afterwards. */
const BEFORE_THE_DOORS = "1500 millis"

/**
 * The check on every node before anything is served: the log is the one that the tables were made from, and
 * no record of it is missing. A log that turns out to be damaged later ends the program. Tables that can't be
 * asked now are no reason to refuse commands: the projector looks again.
 */
export const layer = Layer.effectDiscard(
  Effect.gen(function* () {
    const log = yield* EventLog
    const workers = yield* Workers
    const standing = yield* (yield* ReadModel).standing.pipe(Effect.catch(() => Effect.undefined))
    if (standing !== undefined) yield* checkLog(log, standing)

    const whole = yield* Deferred.make<void>()
    let isLate = false
    const audit = auditLog.pipe(
      Effect.andThen(Deferred.succeed(whole, undefined)),
      Effect.andThen(Effect.suspend(() => (isLate ? collectGarbage : Effect.void))),
      Effect.andThen(Effect.never),
    )
    yield* workers.start("the audit of the log", audit)
    const inTime = yield* Effect.raceFirst(Deferred.await(whole), workers.failed).pipe(
      Effect.timeoutOption(BEFORE_THE_DOORS),
    )
    isLate = Option.isNone(inTime)
  }),
)
