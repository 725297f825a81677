import { Clock, Context, Effect, Layer, Schedule } from "effect"
import { LogUnavailable } from "../../domain/EventLog.ts"
import { asker } from "./ask.ts"
import { Nats } from "./Connection.ts"
import { LOG_STREAM } from "./streams.ts"

const EVERY = "10 seconds"
/** Milliseconds: smaller differences are those of the way, and of two machines that agree. */
const [ALIKE, OFF] = [50, 1_000]

/** The time of JetStream, and how far the clock of this machine is from it. */
export class LogClock extends Context.Service<
  LogClock,
  {
    /** Milliseconds by which this machine's clock is ahead of the log's; negative: behind. */
    readonly skew: () => number
  }
>()("crewlog/adapters/nats/LogClock") {}

const monotonicMillis = () => performance.now()

/**
 * A clock that tells JetStream's time: all nodes compare times of one clock, whatever their own say. Between two looks
 * it goes by the monotonic one, so that a step of the machine's clock moves nothing.
 */
const clockAt = (base: Clock.Clock, offset: () => number): Clock.Clock => {
  const millis = () => Math.floor(monotonicMillis() + offset())
  const nanos = () =>
    BigInt(Math.round(monotonicMillis() * 1_000)) * 1_000n + BigInt(Math.round(offset())) * 1_000_000n
  return {
    currentTimeMillisUnsafe: millis,
    currentTimeMillis: Effect.sync(millis),
    currentTimeNanosUnsafe: nanos,
    currentTimeNanos: Effect.sync(nanos),
    monotonicTimeNanosUnsafe: () => base.monotonicTimeNanosUnsafe(),
    monotonicTimeNanos: base.monotonicTimeNanos,
    sleep: (duration) => base.sleep(duration),
  }
}

/**
 * The server's time now, less the monotonic one, in milliseconds: the middle of asking and answer is when it was told,
 * and it is off by at most half of the way.
 */
const measure = (nats: Nats["Service"]) =>
  asker(nats)(async () => {
    const asked = monotonicMillis()
    const { ts } = (await nats.jsm.streams.info(LOG_STREAM)) as { readonly ts?: string }
    const heard = monotonicMillis()
    return { told: Date.parse(ts ?? "") - (asked + heard) / 2, within: (heard - asked) / 2 }
  }).pipe(
    Effect.filterOrFail(
      ({ told }) => Number.isFinite(told),
      () => new LogUnavailable({ reason: "the server does not tell its time", unknown: false }),
    ),
  )

const warn = (skew: number) =>
  Effect.logWarning(
    `the clock of this machine is ${Math.abs(skew / 1_000).toFixed(1)} s ${skew > 0 ? "ahead of" : "behind"} the log's, which counts: set it right`,
  )

/** From here on every effect has the time of the log. */
export const layer = Layer.effectContext(
  Effect.gen(function* () {
    const nats = yield* Nats
    let { told: offset } = yield* measure(nats)
    const skew = () => Date.now() - monotonicMillis() - offset
    let isOff = false

    const look = Effect.gen(function* () {
      const { told, within } = yield* measure(nats)
      if (Math.abs(told - offset) > Math.max(ALIKE, within)) offset = told
      const wasOff = isOff
      isOff = Math.abs(skew()) > OFF
      if (isOff && !wasOff) yield* warn(skew())
    }).pipe(Effect.ignore)

    yield* look.pipe(Effect.repeat(Schedule.spaced(EVERY)), Effect.forkScoped)
    const clock = clockAt(yield* Clock.Clock, () => offset)
    return Context.make(LogClock, { skew }).pipe(Context.add(Clock.Clock, clock))
  }),
)
