import { JetStreamApiError } from "@nats-io/jetstream"
import { headers, type MsgHdrs, RequestError } from "@nats-io/nats-core"
import { Clock, Effect, Random } from "effect"
import { TraceParent } from "../../commands/Envelope.ts"
import {
  type Append,
  type Appended,
  LogFull,
  LogUnavailable,
  RecordTooLarge,
  WrongGuard,
} from "../../domain/EventLog.ts"
import type { Nats } from "./Connection.ts"
import { subjectName } from "./records.ts"
import { LOG_STREAM } from "./streams.ts"

/** How long one try waits for its answer, in milliseconds. */
const ANSWER_WITHIN = 1_500
/** How long a record whose fate is unknown is sent again before the caller is told so. */
const KNOWN_WITHIN = 20_000
/** How long a record that was never sent waits for the log to come back. */
const REACHED_WITHIN = 3_000

type Answer =
  | { readonly _tag: "Stored"; readonly appended: Appended }
  | { readonly _tag: "Refused"; readonly error: WrongGuard | LogFull | RecordTooLarge }
  | { readonly _tag: "InFlight" }
  | { readonly _tag: "NotSent" | "Unknown"; readonly reason: string }

/**
 * One guarded publish, retried with the same bytes and message id until its fate is known
 * (the table of architecture.md section 2; the error codes are nats-server's).
 */
export const appender = (nats: Nats["Service"]) =>
  Effect.fn("EventLog.append")(function* (request: Append) {
    const trace = yield* TraceParent
    const send = publisher(nats, request, trace)
    const started = yield* Clock.currentTimeMillis
    let unknown = false
    for (let tries = 0; ; tries++) {
      const answer: Answer = nats.isUp() ? yield* send : { _tag: "NotSent", reason: "the connection is down" }
      switch (answer._tag) {
        case "Stored":
          return answer.appended
        case "Refused":
          return yield* answer.error
        case "InFlight":
          yield* Effect.sleep(yield* Random.nextIntBetween(1, 5))
          return yield* new WrongGuard({ subject: subjectName(request.subject), guard: request.guard })
        case "NotSent":
        case "Unknown": {
          unknown ||= answer._tag === "Unknown"
          const waited = (yield* Clock.currentTimeMillis) - started
          if (waited > (unknown ? KNOWN_WITHIN : REACHED_WITHIN)) {
            return yield* new LogUnavailable({ reason: answer.reason, unknown })
          }
          yield* Effect.sleep(Math.min(10 * 2 ** tries, 250))
        }
      }
    }
  })

const publisher = (nats: Nats["Service"], { guard, record, subject }: Append, trace: string | undefined) => {
  const name = subjectName(subject)
  const payload = JSON.stringify(record)
  const bytes = Buffer.byteLength(payload)
  const head = recordHeaders(`${subject.type}.${subject.id}:${record.command}`, guard, record, trace)
  return Effect.callback<Answer>((resume) => {
    const forget = nats.onLost(() => settle({ _tag: "Unknown", reason: "the connection was lost" }))
    const settle = (answer: Answer) => {
      forget()
      resume(Effect.succeed(answer))
    }
    nats.js.publish(name, payload, { headers: head, timeout: ANSWER_WITHIN, retries: 1 }).then(
      ({ duplicate, seq }) => settle({ _tag: "Stored", appended: { seq, duplicate } }),
      (error: unknown) => settle(classify(error, name, guard, bytes)),
    )
  })
}

const recordHeaders = (
  id: string,
  guard: number,
  record: Append["record"],
  trace: string | undefined,
): MsgHdrs => {
  const head = headers()
  head.set("Nats-Msg-Id", id)
  head.set("Nats-Expected-Stream", LOG_STREAM)
  head.set("Nats-Expected-Last-Subject-Sequence", String(guard))
  head.set("Crew-Actor", record.actor)
  head.set("Crew-Command", record.command)
  head.set("Crew-Types", record.events.map((event) => event._tag).join(","))
  if (trace !== undefined) head.set("traceparent", trace)
  return head
}

const WRONG_LAST_SEQUENCE = 10071
const IN_FLIGHT = 10164
const TOO_LARGE = 10054
const FULL = new Set([10077, 10047, 10023, 10122])

const classify = (error: unknown, subject: string, guard: number, bytes: number): Answer => {
  const reason = error instanceof Error ? error.message : String(error)
  if (isNoResponders(error)) return { _tag: "NotSent", reason: "no server holds the log now" }
  if (!(error instanceof JetStreamApiError)) {
    return reason.includes("max_payload") ? tooLarge(bytes) : { _tag: "Unknown", reason }
  }
  if (error.code === WRONG_LAST_SEQUENCE)
    return { _tag: "Refused", error: new WrongGuard({ subject, guard }) }
  if (error.code === IN_FLIGHT) return { _tag: "InFlight" }
  if (error.code === TOO_LARGE) return tooLarge(bytes)
  if (FULL.has(error.code) || /no space|insufficient/i.test(reason)) {
    return { _tag: "Refused", error: new LogFull({ reason }) }
  }
  return { _tag: "Unknown", reason }
}

const isNoResponders = (error: unknown) =>
  error instanceof Error && error.cause instanceof RequestError && error.cause.isNoResponders()

const tooLarge = (bytes: number): Answer => ({ _tag: "Refused", error: new RecordTooLarge({ bytes }) })
