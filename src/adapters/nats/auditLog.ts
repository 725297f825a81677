import { DeliverPolicy } from "@nats-io/jetstream"
import { Effect, Schedule } from "effect"
import { LogDamaged, LogUnavailable } from "../../domain/EventLog.ts"
import { Nats } from "./Connection.ts"
import { puller } from "./puller.ts"
import { LOG_STREAM } from "./streams.ts"

const AT_ONCE = 1_000
/** Milliseconds in which a server that has the next message sends it. */
const COMES_WITHIN = 2_000

/**
 * Reads the whole log once, headers only, up to where it ends now. nats-server counts, and reports
 * health, by its index: a flipped bit shows only where a message that should be there does not come
 * (promises.md P5). Fails with the first position that is not there.
 */
export const auditLog = Effect.gen(function* () {
  const nats = yield* Nats
  return yield* Effect.tryPromise({
    try: (signal) => audit(nats, signal),
    catch: (cause) => new LogUnavailable({ reason: String(cause), unknown: false }),
  }).pipe(
    Effect.flatMap((damage) => damage ?? Effect.void),
    Effect.retry({
      schedule: Schedule.spaced("200 millis"),
      while: ({ _tag }) => _tag === "LogUnavailable",
    }),
  )
})

const damaged = (seq: number, what: string) =>
  new LogDamaged({
    seq,
    reason:
      `${what}. Nothing is served from a log with a hole: bring back a copy of nats-server's data that is whole ` +
      "(docs/runbooks/damaged-log.md).",
  })

const audit = async (nats: Nats["Service"], signal: AbortSignal): Promise<LogDamaged | undefined> => {
  const { state } = await nats.jsm.streams.info(LOG_STREAM)
  const { first_seq, last_seq, messages } = state
  if (last_seq === 0) return undefined
  if (first_seq !== 1) return damaged(1, `is missing: the log begins with ${first_seq}`)
  if (messages !== last_seq) return damaged(last_seq, `ends the log, which holds ${messages} records only`)

  let last = 0
  const take = (seq: number) => {
    if (seq !== last + 1) return damaged(last + 1, `is missing: ${seq} follows ${last}`)
    last = seq
    return undefined
  }

  for (let silences = 0; silences < 2; silences++) {
    const { close, next } = await headersAfter(nats, last)
    try {
      while (true) {
        const before = last
        const most = Math.min(AT_ONCE, last_seq - last)
        const hole = await next({ most, wait: COMES_WITHIN, signal }, take)
        if (hole !== undefined || last === last_seq || signal.aborted) return hole
        if (!nats.isUp()) throw new Error("the connection was lost")
        if (last === before) break
      }
    } finally {
      close()
    }
  }
  return damaged(last + 1, `does not come, though the log is said to end with ${last_seq}`)
}

const headersAfter = (nats: Nats["Service"], after: number) =>
  puller(nats, LOG_STREAM, {
    headers_only: true,
    deliver_policy: DeliverPolicy.StartSequence,
    opt_start_seq: after + 1,
  })
