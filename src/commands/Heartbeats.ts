import { Clock, Context, DateTime, Duration, Effect, FiberSet, Layer, Stream } from "effect"
import { Settings } from "../config.ts"
import { Digest } from "../domain/Digest.ts"
import type { ReportedStatus } from "../domain/Presence.ts"
import { higher, joined, type Said } from "./joined.ts"
import { Presence, type Present } from "./Presence.ts"
import { SignalLog } from "./SignalLog.ts"

type Reported = typeof ReportedStatus.Type

/** An authenticated call counts as a sign of life once in this time. */
const CALLS_EVERY = Duration.toMillis("10 seconds")
/** Heartbeats that say nothing new are signalled once in this time. */
const BEATS_EVERY = Duration.toMillis("1 second")
/** A member that changes its mind all the time is recorded this often at most; the newest counts. */
const CHANGES_EVERY = "250 millis"

/** Times are milliseconds of a clock that never goes back. */
interface Pulse {
  heardAt: number
  beatAt: number
  /** The newest word of each connection of this node. */
  readonly sources: Map<string, Said>
  /** The newest word of each other node for all connections of its own. */
  readonly nodes: Map<string, Said>
  /** The word of this node's connections together that was passed on last. */
  own: Reported | undefined
  /** The status that was passed on last. */
  status: Reported | undefined
  /** The sign of life that is to be passed on: a status, or that a call was made. */
  pending: Reported | "called" | undefined
  busy: boolean
}

const flat = (): Pulse => ({
  heardAt: Number.NEGATIVE_INFINITY,
  beatAt: Number.NEGATIVE_INFINITY,
  sources: new Map(),
  nodes: new Map(),
  own: undefined,
  status: undefined,
  pending: undefined,
  busy: false,
})

/** The pulse of each member, by its id; of one that was never heard of it is a flat one. */
const pulses = () => {
  const all = new Map<string, Pulse>()
  return (id: string): Pulse => {
    const pulse = all.get(id) ?? flat()
    all.set(id, pulse)
    return pulse
  }
}

const elapsed = Effect.map(Clock.monotonicTimeNanos, (nanos) => Number(nanos / 1_000_000n))

/** Passes signs of life on in the background, in order for each member: as signals, and as changes of its presence. */
const makeWake = (
  presence: Presence["Service"],
  signals: SignalLog["Service"],
  node: string,
  run: (effect: Effect.Effect<void>) => void,
) => {
  const signal = Effect.fnUntraced(function* (
    { id, slug }: Present,
    status: Reported,
    by: { readonly node?: string } = {},
  ) {
    yield* signals.beat({ id, slug, status, at: DateTime.formatIso(yield* DateTime.now), ...by })
  })

  const pass = Effect.fnUntraced(function* (member: Present, what: Reported | "called", own: Reported) {
    if (what === "called") return yield* signal(member, yield* presence.appear(member))
    yield* signal(member, own, { node })
    yield* presence.report(member, what)
  })

  const passOn = Effect.fn("Heartbeats.passOn")(function* (member: Present, pulse: Pulse) {
    while (pulse.pending !== undefined) {
      const what = pulse.pending
      pulse.pending = undefined
      yield* pass(member, what, pulse.own ?? "idle").pipe(
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

  return wake
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
    /** A connection of the member said how it is. The member is what its connections say together. */
    readonly beat: (member: Present, status: Reported, source: string) => Effect.Effect<void>
    /** The connection has ended: what it said no longer counts. */
    readonly gone: (member: Present, source: string) => Effect.Effect<void>
  }
>()("crewlog/commands/Heartbeats") {
  static readonly layer = Layer.effect(
    Heartbeats,
    Effect.gen(function* () {
      const { presenceTimeout } = yield* Settings
      const presence = yield* Presence
      const signals = yield* SignalLog
      const run = yield* FiberSet.makeRuntime()
      const timeout = Duration.toMillis(presenceTimeout)
      const callsEvery = Math.min(CALLS_EVERY, timeout / 4)
      const node = (yield* Digest).uuid()
      const pulseOf = pulses()

      const wake = makeWake(presence, signals, node, run)

      /** Passes the joined status on, if it is another one, or the last time is long ago. */
      const tell = (member: Present, pulse: Pulse, now: number, every: number) => {
        const own = joined(pulse.sources, now - timeout)
        const others = joined(pulse.nodes, now - timeout)
        const status = higher(own, others)
        const isNews = status !== pulse.status || own !== pulse.own
        if (status === undefined || (!isNews && now - pulse.beatAt < every)) return
        pulse.own = own
        pulse.beatAt = now
        pulse.heardAt = now
        pulse.status = status
        pulse.pending = status
        wake(member, pulse)
      }

      const hearOthers = signals.beats.pipe(
        Stream.filter((beat) => beat.node !== undefined && beat.node !== node),
        Stream.runForEach(({ id, node: other = "", status }) =>
          Effect.map(elapsed, (at) => void pulseOf(id).nodes.set(other, { status, at })),
        ),
      )
      yield* Effect.forkScoped(hearOthers)

      return Heartbeats.of({
        seen: (member) =>
          Effect.map(elapsed, (now) => {
            const pulse = pulseOf(member.id)
            if (now - pulse.heardAt < callsEvery) return
            pulse.heardAt = now
            pulse.pending ??= "called"
            wake(member, pulse)
          }),
        beat: (member, status, source) =>
          Effect.map(elapsed, (now) => {
            const pulse = pulseOf(member.id)
            pulse.sources.set(source, { status, at: now })
            tell(member, pulse, now, BEATS_EVERY)
          }),
        gone: (member, source) =>
          Effect.map(elapsed, (now) => {
            const pulse = pulseOf(member.id)
            if (pulse.sources.delete(source)) tell(member, pulse, now, Number.POSITIVE_INFINITY)
          }),
      })
    }),
  )
}
