import { headers } from "@nats-io/nats-core"
import { Effect } from "effect"
import { LogUnavailable } from "../../domain/EventLog.ts"
import type { Stray } from "../../domain/Line.ts"
import { Nats } from "./Connection.ts"
import { isTheServers } from "./records.ts"
import { LOG_STREAM } from "./streams.ts"

/**
 * Puts a stray message where it was, or fails: the server refuses it anywhere else. Headers by which the server was
 * told what to do with the message are not told again.
 */
export const restoreStray = Effect.fnUntraced(function* ({ seq, stray }: Stray) {
  const { js } = yield* Nats
  const head = headers()
  for (const [name, value] of stray.headers) if (!isTheServers(name)) head.append(name, value)
  yield* Effect.tryPromise({
    try: () =>
      js.publish(stray.subject, stray.data, {
        headers: head,
        expect: { streamName: LOG_STREAM, lastSequence: seq - 1 },
      }),
    catch: (cause) => new LogUnavailable({ reason: String(cause), unknown: true }),
  })
})
