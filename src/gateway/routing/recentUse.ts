import { Effect, Stream } from "effect"
import type { UsageRecord } from "../../domain/Usage.ts"
import { UsageLog } from "../../projections/UsageLog.ts"
import { millisOf } from "../instants.ts"

const MINUTE = 60_000
/** A start does not wait longer for it. */
const READ_WITHIN = "2 seconds"

/** All that it was sent to. */
const asked = ({ backend, failures }: UsageRecord) => [
  ...failures.map((failure) => failure.backend),
  ...(backend === null ? [] : [backend]),
]

/** The number of requests that each backend was sent in the minute before `now`, by all nodes, as far as the log says. */
export const recentUse = Effect.fnUntraced(
  function* (now: number) {
    const log = yield* UsageLog
    const used = new Map<string, number>()
    const newest = yield* log.newest
    if (newest === undefined || newest.at < now - MINUTE) return used
    const known = new Set<string>()
    yield* log.since(now - MINUTE, "").pipe(
      // Some come again.
      Stream.tap(({ node, number, records }) =>
        Effect.sync(() => {
          const batch = `${node} ${number}`
          if (known.has(batch)) return
          known.add(batch)
          for (const record of records) {
            if (millisOf(record.at) - record.latency_ms < now - MINUTE) continue
            for (const backend of asked(record)) used.set(backend, (used.get(backend) ?? 0) + 1)
          }
        }),
      ),
      Stream.takeUntil(({ seq }) => seq >= newest.seq),
      Stream.runDrain,
    )
    return used
  },
  Effect.timeout(READ_WITHIN),
  Effect.catch((error) =>
    Effect.as(
      Effect.logWarning(
        "what backends were sent a moment ago is not known: they may be sent too much",
        error,
      ),
      new Map<string, number>(),
    ),
  ),
)
