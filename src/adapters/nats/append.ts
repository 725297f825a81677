import { headers, type MsgHdrs } from "@nats-io/nats-core"
import { Clock, Effect, Random } from "effect"
import { TraceParent } from "../../domain/TraceParent.ts"
import {
  type Append,
  type Appended,
  LogFull,
  LogUnavailable,
  RecordTooLarge,
  WrongGuard,
} from "../../domain/EventLog.ts"
import type { Nats } from "./Connection.ts"
import { type Publish, publishing, type Said } from "./publishing.ts"
import { subjectName } from "./records.ts"
import type { StrayTails } from "./StrayTails.ts"
import { LOG_STREAM } from "./streams.ts"

/** The longest time that one try waits for its answer, in milliseconds. */
const ANSWER_WITHIN = 1_500
/** The longest time that a record whose fate is unknown is sent again before the caller is told so. */
const KNOWN_WITHIN = 20_000
/** The longest time that a record that was never sent waits for the log to come back. */
const REACHED_WITHIN = 3_000

type Answer =
  | { readonly _tag: "Stored"; readonly appended: Appended }
  | { readonly _tag: "Refused"; readonly error: WrongGuard | LogFull | RecordTooLarge }
  | { readonly _tag: "InFlight" }
  | { readonly _tag: "NotSent" | "Unknown"; readonly reason: string }

const DOWN: Answer = { _tag: "NotSent", reason: "the connection is down" }

const isFull = (answer: Answer) => answer._tag === "Refused" && answer.error._tag === "LogFull"

/**
 * A guarded publish, retried with the same bytes and message id until its fate is known (the table of
 * architecture.md section 2; the error codes are nats-server's).
 */
export const appender = (nats: Nats["Service"], tails: StrayTails) => {
  const publish = publishing(nats)
  return Effect.fnUntraced(function* (given: Append) {
    const request = { ...given, guard: tails.guardOf(subjectName(given.subject), given.guard) }
    const send = sending(publish, request, yield* TraceParent)
    const tried = (isRepeated: boolean) =>
      Effect.flatMap(send, (answer) =>
        isRepeated && isFull(answer) ? lookedUp(nats, request, answer) : Effect.succeed(answer),
      )
    const started = yield* Clock.currentTimeMillis
    let unknown = false
    for (let tries = 0; ; tries++) {
      const answer: Answer = nats.isUp() ? yield* tried(unknown) : DOWN
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
}

const sending = (
  publish: (message: Publish) => void,
  { guard, record, subject }: Append,
  trace: string | undefined,
) => {
  const name = subjectName(subject)
  const payload = JSON.stringify(record)
  const head = recordHeaders(`${subject.type}.${subject.id}:${record.command}`, guard, record, trace)
  return Effect.callback<Answer>((resume) =>
    publish({
      subject: name,
      payload,
      headers: head,
      within: ANSWER_WITHIN,
      settle: (said) => resume(Effect.succeed(answerOf(said, name, guard, payload))),
    }),
  )
}

/**
 * A log that is full refuses a record that was sent before and may be there: only a look says so. A server alone
 * has answered all that was sent to it before; in a cluster an earlier try may still be on its way.
 */
const lookedUp = ({ connection, jsm }: Nats["Service"], { guard, subject }: Append, full: Answer) =>
  Effect.promise(async (): Promise<Answer> => {
    if (connection.info?.cluster !== undefined) return { _tag: "Unknown", reason: "the log takes no more" }
    const name = subjectName(subject)
    try {
      const newest = await jsm.streams.getMessage(LOG_STREAM, { last_by_subj: name })
      return (newest?.seq ?? 0) === guard
        ? full
        : { _tag: "Refused", error: new WrongGuard({ subject: name, guard }) }
    } catch (error) {
      return { _tag: "Unknown", reason: String(error) }
    }
  })

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
  if (record.events.length > 0) head.set("Crew-Types", record.events.map(({ _tag }) => _tag).join(","))
  if (trace !== undefined) head.set("traceparent", trace)
  return head
}

const WRONG_LAST_SEQUENCE = 10071
const IN_FLIGHT = 10164
const TOO_LARGE = 10054
const FULL = new Set([10077, 10047, 10023, 10122])

const answerOf = (said: Said, subject: string, guard: number, payload: string): Answer => {
  switch (said._tag) {
    case "Stored":
      return { _tag: "Stored", appended: { seq: said.seq, duplicate: said.duplicate } }
    case "NotSent":
      return said
    case "Unknown":
      return said.reason.includes("max_payload") ? tooLarge(payload) : said
    case "Refused":
      return refusalOf(said, subject, guard, payload)
  }
}

const refusalOf = (
  { code, reason }: Extract<Said, { readonly _tag: "Refused" }>,
  subject: string,
  guard: number,
  payload: string,
): Answer => {
  if (code === WRONG_LAST_SEQUENCE) return { _tag: "Refused", error: new WrongGuard({ subject, guard }) }
  if (code === IN_FLIGHT) return { _tag: "InFlight" }
  if (code === TOO_LARGE) return tooLarge(payload)
  return FULL.has(code) || /no space|insufficient/i.test(reason)
    ? { _tag: "Refused", error: new LogFull({ reason }) }
    : { _tag: "Unknown", reason }
}

const tooLarge = (payload: string): Answer => ({
  _tag: "Refused",
  error: new RecordTooLarge({ bytes: Buffer.byteLength(payload) }),
})
