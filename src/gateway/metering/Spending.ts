import { Clock, Context, Effect, Layer, Schedule, Stream } from "effect"
import type { UsageRecord } from "../../domain/Usage.ts"
import { type UsageBatch, UsageLog } from "../../projections/UsageLog.ts"
import { DAY, Ledger, type Spent } from "./Ledger.ts"
import { UsageSink } from "./UsageSink.ts"

/** Clocks differ, and a batch is stored a while after its records were made. */
const MARGIN = 5 * 60_000

/**
 * The spending of members today at all gateways: this node's own from memory, the others' from the log of
 * signals, a moment later. What is in flight is not in it: a member may go beyond a limit by the requests
 * that were let in before it was reached, and by what other nodes let in during that moment
 * (docs/decisions/0009).
 */
export class Spending extends Context.Service<
  Spending,
  {
    /** By the member's slug. */
    readonly today: (member: string) => Spent
    /** True if what was spent before this node started is known. */
    readonly isReady: () => boolean
    /** A request of this node has ended. */
    readonly count: (record: UsageRecord) => void
  }
>()("crewlog/gateway/metering/Spending") {
  static readonly layer = Layer.effect(
    Spending,
    Effect.gen(function* () {
      const clock = yield* Clock.Clock
      const log = yield* UsageLog
      const { node } = yield* UsageSink
      const now = () => clock.currentTimeMillisUnsafe()
      const started = now()
      const from = started - (started % DAY) - MARGIN

      const ledger = new Ledger()
      const numbers = new Map<string, number>()
      let isReady = false

      const note = ({ node, number, records }: UsageBatch) => {
        if (number <= (numbers.get(node) ?? 0)) return
        numbers.set(node, number)
        for (const record of records) ledger.add(record, now())
      }

      const read = Effect.gen(function* () {
        const newest = yield* log.newest
        const last = newest === undefined || newest.at < from ? 0 : newest.seq
        isReady ||= last === 0
        yield* log.since(from, node).pipe(
          Stream.runForEach((batch) =>
            Effect.sync(() => {
              note(batch)
              isReady ||= batch.seq >= last
            }),
          ),
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
      })
    }),
  )
}
