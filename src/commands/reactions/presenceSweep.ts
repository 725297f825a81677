import { Clock, DateTime, Duration, Effect } from "effect"
import { Settings } from "../../config.ts"
import { ReadModel } from "../../projections/ReadModel.ts"
import { Presence } from "../Presence.ts"
import { SignalLog } from "../SignalLog.ts"

const AT_ONCE = 1_000

/**
 * A sweep that makes offline who has been silent for too long. The read model only says whom to
 * look at: the newest signal on the log decides. No verdicts before this sweep has watched for as
 * long as a member may be silent, counted from its making and from every outage: while nothing
 * could be heard, silence means nothing (architecture.md section 8).
 */
export const makePresenceSweep = Effect.gen(function* () {
  const { presenceTimeout } = yield* Settings
  const readModel = yield* ReadModel
  const signals = yield* SignalLog
  const presence = yield* Presence
  const timeout = Duration.toMillis(presenceTimeout)
  const elapsed = Effect.map(Clock.monotonicTimeNanos, (nanos) => Number(nanos / 1_000_000n))
  let watchesSince = yield* elapsed

  const look = Effect.fnUntraced(function* (before: string) {
    const { value: silent } = yield* readModel.silent(before, AT_ONCE)
    for (const member of silent) {
      const last = yield* signals.last(member.id)
      if (last !== undefined && last.at >= before) continue
      // A newer program has changed this one: that must not hold up the others.
      yield* presence
        .lapse(member, last?.at ?? member.at, before)
        .pipe(Effect.catchTag("NewerRecord", ({ message }) => Effect.logDebug(message)))
    }
  })

  const outage = Effect.map(elapsed, (now) => {
    watchesSince = now
  })

  const sweep = Effect.gen(function* () {
    yield* Effect.all([signals.reachable, readModel.standing])
    if ((yield* elapsed) - watchesSince < timeout) return
    const now = yield* Clock.currentTimeMillis
    yield* look(DateTime.formatIso(DateTime.makeUnsafe(now - timeout)))
  }).pipe(Effect.tapError(() => outage))

  return { sweep: Effect.withSpan(sweep, "presenceSweep") }
})
