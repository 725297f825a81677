import type { Msg } from "@nats-io/nats-core"
import { Cause, Effect, Option, References, Tracer } from "effect"
import { TraceParent } from "../../domain/TraceParent.ts"
import { answer } from "../../operations/answer.ts"
import { actorOf, type Asked, traceOf } from "../../operations/Asked.ts"
import { carryOut, type CarryingOut } from "../../operations/carryOut.ts"
import { decoderOf } from "../../operations/decodeInput.ts"
import { AnswerTooLarge, Unexpected } from "../../operations/EdgeRefusal.ts"
import { Entrance } from "../../operations/Entrance.ts"
import type { AnyCommand, AnyOperation, AnyQuestion } from "../../operations/operations.ts"
import { type Failure, refusalOf } from "../../operations/refusals.ts"
import { Projected } from "../../projections/Projected.ts"
import { Roster } from "../../projections/Roster.ts"
import { accepted, answered, refused, type Reply } from "./agentAnswers.ts"
import { askedOf, authenticate, bodyOf, headersOf, sourceOf } from "./agentAsked.ts"
import { Nats } from "./Connection.ts"
import type { Endpoint } from "./Endpoint.ts"

/** An operation that agents may call: all but streams, for which they have `crew.live.>`. */
export type Callable<Requirements> = AnyCommand<Requirements> | AnyQuestion<Requirements>

export const isCallable = <Requirements>(row: AnyOperation<Requirements>): row is Callable<Requirements> =>
  row.kind !== "watch"

const parentOf = (trace: string | undefined) => {
  const [, traceId, spanId, flags] = trace?.split("-") ?? []
  return traceId === undefined || spanId === undefined
    ? {}
    : { parent: Tracer.externalSpan({ traceId, spanId, sampled: flags === "01" }) }
}

/** Bytes of a message beside its payload. */
const HEADERS = 4 * 1024

const replyTo = <Requirements>(
  row: Callable<Requirements>,
  input: Readonly<Record<string, unknown>>,
  asked: Asked,
  trace?: string,
) =>
  row.kind === "command"
    ? Effect.map(carryOut(row, input, asked), (done) => accepted(done, trace))
    : Effect.map(answer(row, input, asked), (found) => answered(found, trace))

const count = (endpoint: Endpoint, began: number) =>
  Effect.sync(() => {
    endpoint.requests += 1
    endpoint.processingTime += Math.round((performance.now() - began) * 1e6)
  })

/** Makes the answers to agents' calls. */
export const makeCalls = Effect.gen(function* () {
  const { connection } = yield* Nats
  const entrance = yield* Entrance
  const projected = yield* Projected
  const roster = yield* Roster
  const isTraced = yield* References.TracerEnabled
  const largest = (connection.info?.max_payload ?? 1024 * 1024) - HEADERS

  const called = <Requirements>(row: Callable<Requirements>) => {
    const decode = decoderOf(row)
    return Effect.fnUntraced(function* (message: Msg, trace: string | undefined) {
      const member = yield* authenticate(roster, message)
      yield* entrance.admit(member)
      const refusal = row.may.beforehand?.(actorOf(member))
      if (refusal !== undefined) return yield* refusal
      if (row.kind === "command") yield* entrance.mayStore(member)
      const body = yield* bodyOf(row.kind, message)
      const asked = yield* askedOf(row.name, member, headersOf(message.headers), body, sourceOf(message))
      const made = yield* replyTo(row, yield* decode(body.value), asked, trace)
      return Buffer.byteLength(made.payload) > largest ? yield* new AnswerTooLarge({ limit: largest }) : made
    })
  }

  const refuse = Effect.fnUntraced(function* (
    endpoint: Endpoint,
    cause: Cause.Cause<Failure>,
    trace: string | undefined,
  ) {
    const known = Cause.findErrorOption(cause)
    if (Option.isNone(known)) yield* Effect.logError(`${endpoint.name} failed`, cause)
    const failure = Option.getOrElse(known, () => new Unexpected())
    endpoint.errors += 1
    endpoint.lastError = refusalOf(failure).code
    return refused(failure, yield* projected.current, trace)
  })

  /** Answers the calls of one operation; whatever goes wrong with one is its answer. */
  return <Requirements>(row: Callable<Requirements>, endpoint: Endpoint) => {
    const call = called(row)
    return (message: Msg): Effect.Effect<void, never, Requirements | CarryingOut> => {
      const began = performance.now()
      const trace = traceOf(message.headers?.get("traceparent"))
      const made: Effect.Effect<Reply, never, Requirements | CarryingOut> = call(message, trace).pipe(
        Effect.provideService(TraceParent, trace),
        Effect.catchCause((cause) => refuse(endpoint, cause, trace)),
      )
      const traced = isTraced
        ? Effect.withSpan(made, `NATS ${row.name}`, { kind: "server", ...parentOf(trace) })
        : made
      return traced.pipe(
        Effect.map(({ headers, payload }) => void message.respond(payload, { headers })),
        Effect.catchDefect((defect) => Effect.logDebug(`an answer to ${row.name} is lost`, defect)),
        Effect.ensuring(count(endpoint, began)),
      )
    }
  }
})
