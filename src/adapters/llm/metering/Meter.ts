import { Context, Effect, Fiber, FiberSet, Latch, Layer, Schedule } from "effect"
import { Settings } from "../../../config.ts"
import type { UsageRecord } from "../../../domain/Usage.ts"
import { GenAiSpans } from "../../telemetry/GenAiSpans.ts"
import { Metrics } from "../../telemetry/Metrics.ts"
import { Spending } from "../../../gateway/metering/Spending.ts"
import { UsageSink } from "../../../gateway/metering/UsageSink.ts"
import { type Taken, Waiting } from "../../../gateway/metering/Waiting.ts"

/** Records gather for so long: what a kill may lose. */
const GATHERED_FOR = "25 millis"
const AGAIN = Schedule.min([Schedule.exponential("50 millis"), Schedule.spaced("1 second")])

/** Takes down what requests used: for the log, the limits of members, metrics and spans. */
export class Meter extends Context.Service<
  Meter,
  {
    /**
     * Takes down a request that has ended, however it did. Called exactly once for each; cheap, and never
     * throws. `traceparent` is what the request carried.
     */
    readonly record: (record: UsageRecord, traceparent?: string) => void
  }
>()("crewlog/adapters/llm/Meter") {
  static readonly layer = Layer.effect(
    Meter,
    Effect.gen(function* () {
      const { drainTimeout } = yield* Settings
      const metrics = yield* Metrics
      const sink = yield* UsageSink
      const spans = yield* GenAiSpans
      const spending = yield* Spending
      const inBackground = yield* FiberSet.makeRuntime()
      const waiting = new Waiting()
      const some = yield* Latch.make(false)
      let isClosing = false
      let number = 0
      let sending = 0
      const unstored = () => waiting.size + sending

      /** Until it is stored: its number goes to no other records. */
      const store = Effect.fnUntraced(function* (taken: Taken) {
        sending = taken.records.length
        const adding = sink.add(++number, taken)
        yield* adding.pipe(
          Effect.catch(({ reason }) =>
            Effect.logWarning(`what requests used waits for the log: ${reason}`).pipe(
              Effect.andThen(Effect.retry(adding, AGAIN)),
              Effect.andThen(Effect.logInfo("what requests used goes to the log again")),
            ),
          ),
        )
        sending = 0
      })

      const flush = Effect.gen(function* () {
        for (let left = waiting.size; left > 0;) {
          const taken = waiting.take()
          left -= taken.records.length
          yield* store(taken)
        }
      })

      const cycle = some.await.pipe(
        Effect.andThen(Effect.sleep(GATHERED_FOR)),
        Effect.andThen(Effect.sync(() => some.closeUnsafe())),
        Effect.andThen(flush),
      )

      const running = yield* cycle.pipe(
        Effect.repeat({ until: () => isClosing && waiting.size === 0 }),
        Effect.forkScoped,
      )
      yield* Effect.addFinalizer(
        Effect.fnUntraced(function* () {
          isClosing = true
          some.openUnsafe()
          yield* Effect.timeoutOption(Fiber.await(running), drainTimeout)
          if (unstored() > 0) yield* Effect.logError(`${unstored()} usage records are lost: the log is away`)
        }),
      )
      gaugesOf(metrics, unstored, () => waiting.lost)

      return Meter.of({
        record: (record, traceparent) => {
          const lost = waiting.add(record)
          if (lost > 0)
            inBackground(Effect.logError(`${lost} usage records are lost: too many wait for the log`))
          some.openUnsafe()
          spending.count(record)
          metrics.request(record)
          spans.record?.(record, traceparent)
        },
      })
    }),
  )
}

const gaugesOf = (metrics: Metrics["Service"], unstored: () => number, lost: () => number) => {
  metrics.gauge(
    { name: "sidecar_usage_waiting", help: "Usage records that are on their way to the log." },
    () => [[[], unstored()]],
  )
  metrics.gauge(
    { name: "sidecar_usage_lost", help: "Usage records that were given up since the start." },
    () => [[[], lost()]],
  )
}
