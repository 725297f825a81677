import { Clock, Context, Deferred, Effect, Layer, Schedule, Stream } from "effect"
import type { UsageRecord } from "../../domain/Usage.ts"
import { type UsageBatch, UsageLog } from "../../projections/UsageLog.ts"
import { DAY, Ledger, type Spent } from "./Ledger.ts"
import { UsageSink } from "./UsageSink.ts"

const MINUTE = 60_000
/** Clocks differ, and a batch is stored a while after its records were made. */
const MARGIN = 5 * MINUTE

/**
 * What members spent today at all gateways: this node's own from memory, the others' from the log of signals,
 * a moment later. What is in flight is not in it: a member may go beyond a limit by the requests that were let
 * in before it was reached, and by what other nodes let in during that moment (docs/decisions/0009).
 */
export class Spending extends Context.Service<
  Spending,
  {
    /** By the member's slug. */
    readonly today: (member: string) => Spent
    /** Whether what was spent before this node started is known. */
    readonly isReady: () => boolean
    /** A request of this node has ended. */
    readonly count: (record: UsageRecord) => void
    /**
     * Requests that were sent to each backend in the minute before this node started, by all nodes. Waits until
     * that is known.
     */
    readonly minuteBefore: Effect.Effect<ReadonlyMap<string, number>>
  }
>()("crewlog/adapters/llm/Spending") {
  static readonly layer = Layer.effect(
    Spending,
    Effect.gen(function* () {
      const clock = yield* Clock.Clock
      const log = yield* UsageLog
      const { node } = yield* UsageSink
      const now = () => clock.currentTimeMillisUnsafe()
      const started = now()
      const midnight = started - (started % DAY)
      const from = Math.min(midnight, started - MINUTE) - MARGIN

      const ledger = new Ledger()
      const numbers = new Map<string, number>()
      const sent = new Map<string, number>()
      const ready = yield* Deferred.make<ReadonlyMap<string, number>>()
      let isReady = false

      const note = ({ node, number, records }: UsageBatch) => {
        if (number <= (numbers.get(node) ?? 0)) return
        numbers.set(node, number)
        for (const record of records) {
          ledger.add(record, now())
          if (!isReady) for (const backend of askedSince(record, started - MINUTE)) add(sent, backend)
        }
      }
      const caughtUp = Effect.suspend(() => {
        isReady = true
        return Deferred.succeed(ready, sent)
      })

      const read = Effect.gen(function* () {
        const newest = yield* log.newest
        const last = newest === undefined || newest.at < from ? 0 : newest.seq
        if (last === 0) yield* caughtUp
        yield* log.since(from, node).pipe(
          Stream.runForEach((batch) => {
            note(batch)
            return isReady || batch.seq < last ? Effect.void : caughtUp
          }),
        )
      })
      yield* read.pipe(
        Effect.tapError(({ reason }) =>
          Effect.logWarning(`what members spent today is not known: ${reason}`),
        ),
        Effect.retry(Schedule.spaced("500 millis")),
        Effect.orDie,
        Effect.forkScoped,
      )

      return Spending.of({
        today: (member) => ledger.today(member, now()),
        isReady: () => isReady,
        count: (record) => ledger.add(record, now()),
        minuteBefore: Deferred.await(ready),
      })
    }),
  )
}

/** The backends that a request was sent to, if it began since then. */
const askedSince = (
  { at, backend, failures, latency_ms }: UsageRecord,
  time: number,
): ReadonlyArray<string> => {
  if (Date.parse(at) - latency_ms < time) return []
  const tried = failures.map(({ backend }) => backend)
  return backend === null ? tried : [...tried, backend]
}

const add = (counts: Map<string, number>, key: string) => counts.set(key, (counts.get(key) ?? 0) + 1)
