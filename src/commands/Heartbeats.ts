import { Clock, Context, DateTime, Duration, Effect, FiberSet, Layer } from "effect"
import { Settings } from "../config.ts"
import type { ReportedStatus } from "../domain/Presence.ts"
import { Presence, type Present } from "./Presence.ts"
import { SignalLog } from "./SignalLog.ts"

type Reported = typeof ReportedStatus.Type

/** An authenticated call counts as a sign of life once in this time. */
const CALLS_EVERY = Duration.toMillis("10 seconds")
/** Heartbeats that say nothing new are signalled once in this time. */
const BEATS_EVERY = Duration.toMillis("1 second")
/** A member that changes its mind all the time is recorded this often at most; the newest counts. */
const CHANGES_EVERY = "250 millis"

interface Pulse {
  heardAt: number
  beatAt: number
  /** The status that the newest heartbeat said. */
  status: Reported | undefined
  /** The report that is to be passed on: a heartbeat's status, or that a call was made. */
  pending: Reported | "called" | undefined
  busy: boolean
}

/** The pulse of each member, by its id; of one that was never heard of it is a flat one. */
const pulses = () => {
  const all = new Map<string, Pulse>()
  return (id: string): Pulse => {
    const known = all.get(id)
    if (known !== undefined) return known
    const never = Number.NEGATIVE_INFINITY
    const pulse: Pulse = {
      heardAt: never,
      beatAt: never,
      status: undefined,
      pending: undefined,
      busy: false,
    }
    all.set(id, pulse)
    return pulse
  }
}

/**
 * Signs of life (architecture.md section 8). Passed on in the background, in order for each
 * member: nobody waits for them, and nothing that goes wrong with one reaches a caller.
 */
export class Heartbeats extends Context.Service<
  Heartbeats,
  {
    /** An authenticated call was made: the member is there. */
    readonly seen: (member: Present) => Effect.Effect<void>
    /** The member said that it is there, and how it is. */
    readonly beat: (member: Present, status: Reported) => Effect.Effect<void>
  }
>()("crewlog/commands/Heartbeats") {
  static readonly layer = Layer.effect(
    Heartbeats,
    Effect.gen(function* () {
      const { presenceTimeout } = yield* Settings
      const presence = yield* Presence
      const signals = yield* SignalLog
      const run = yield* FiberSet.makeRuntime()
      const callsEvery = Math.min(CALLS_EVERY, Duration.toMillis(presenceTimeout) / 4)
      const pulseOf = pulses()

      const signal = Effect.fnUntraced(function* ({ id, slug }: Present, status: Reported) {
        yield* signals.beat({ id, slug, status, at: DateTime.formatIso(yield* DateTime.now) })
      })

      const pass = Effect.fnUntraced(function* (member: Present, what: Reported | "called") {
        if (what === "called") return yield* signal(member, yield* presence.appear(member))
        yield* signal(member, what)
        yield* presence.report(member, what)
      })

      const passOn = Effect.fn("Heartbeats.passOn")(function* (member: Present, pulse: Pulse) {
        while (pulse.pending !== undefined) {
          const what = pulse.pending
          pulse.pending = undefined
          yield* pass(member, what).pipe(
            Effect.catchCause((cause) => {
              // The next sign of life says it again.
              pulse.status = undefined
              pulse.heardAt = Number.NEGATIVE_INFINITY
              return Effect.logDebug(`a sign of life of ${member.slug} is lost`, cause)
            }),
          )
          yield* Effect.sleep(CHANGES_EVERY)
        }
        pulse.busy = false
      })

      const wake = (member: Present, pulse: Pulse) => {
        if (pulse.busy) return
        pulse.busy = true
        run(passOn(member, pulse))
      }

      return Heartbeats.of({
        seen: (member) =>
          Effect.map(Clock.currentTimeMillis, (now) => {
            const pulse = pulseOf(member.id)
            if (now - pulse.heardAt < callsEvery) return
            pulse.heardAt = now
            pulse.pending ??= "called"
            wake(member, pulse)
          }),
        beat: (member, status) =>
          Effect.map(Clock.currentTimeMillis, (now) => {
            const pulse = pulseOf(member.id)
            if (status === pulse.status && now - pulse.beatAt < BEATS_EVERY) return
            pulse.beatAt = now
            pulse.heardAt = now
            pulse.status = status
            pulse.pending = status
            wake(member, pulse)
          }),
      })
    }),
  )
}
