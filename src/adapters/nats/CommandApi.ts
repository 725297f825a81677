import type { Msg } from "@nats-io/nats-core"
import { Cause, Effect, FiberSet, Layer, Option, type Redacted, References, Schema, Tracer } from "effect"
import { TraceParent } from "../../commands/Envelope.ts"
import { Heartbeats } from "../../commands/Heartbeats.ts"
import { Limits } from "../../commands/Limits.ts"
import { Settings } from "../../config.ts"
import { Projected } from "../../projections/Projected.ts"
import { Roster } from "../../projections/Roster.ts"
import { InvalidInput, Unexpected } from "../EdgeRefusal.ts"
import { type Exchange, traceOf } from "../http/Exchange.ts"
import { faultsIn } from "../http/problems.ts"
import { type Failure, refusalOf } from "../refusals.ts"
import { accepted, type Answer, refused } from "./agentAnswers.ts"
import { agentCommands, type CommandName, commandNames, type InputOf, subjectOf } from "./agentCommands.ts"
import { authenticate, bodyOf, exchangeOf, headersOf } from "./agentExchange.ts"
import { type Handled, makeAgentHandlers } from "./agentHandlers.ts"
import { authCallout } from "./authCallout.ts"
import { Nats } from "./Connection.ts"
import { cutOff } from "./cutOff.ts"
import { discovery, type Endpoint } from "./discovery.ts"
import { jsonSchemaOf } from "./jsonSchema.ts"

/** Any number of nodes share the work. */
const QUEUE = "crewlog"
/** What a record holds beside the events and the newest state, roughly. */
const OVERHEAD = 512

const endpointOf = (name: CommandName): Endpoint => {
  const command = agentCommands[name]
  return {
    name: name.replaceAll(".", "-"),
    subject: subjectOf(name),
    queue_group: QUEUE,
    metadata: {
      summary: command.summary,
      request: JSON.stringify(jsonSchemaOf(command.input)),
      ...("output" in command ? { response: JSON.stringify(jsonSchemaOf(command.output)) } : {}),
    },
    requests: 0,
    errors: 0,
    lastError: "",
    processingTime: 0,
  }
}

const decoderOf = <Name extends CommandName>(name: Name) =>
  Schema.decodeUnknownEffect(agentCommands[name].input as Schema.Codec<InputOf<Name>, unknown>, {
    errors: "all",
  })

/** A command as it came in. */
interface Received<Name extends CommandName> {
  readonly name: Name
  readonly decode: ReturnType<typeof decoderOf<Name>>
  readonly message: Msg
  readonly headers: ReturnType<typeof headersOf>
  readonly trace: string | undefined
}

const parentOf = (trace: string | undefined) => {
  const [, traceId, spanId, flags] = trace?.split("-") ?? []
  return traceId === undefined || spanId === undefined
    ? {}
    : { parent: Tracer.externalSpan({ traceId, spanId, sampled: flags === "01" }) }
}

/** Takes commands of agents on `crew.cmd.<agent>.>` and answers them, until the scope ends. */
const serveCommands = Effect.gen(function* () {
  const { connection } = yield* Nats
  const { drainTimeout, readWait } = yield* Settings
  const handlers = yield* makeAgentHandlers
  const heartbeats = yield* Heartbeats
  const limits = yield* Limits
  const projected = yield* Projected
  const roster = yield* Roster
  const isTraced = yield* References.TracerEnabled
  const run = yield* FiberSet.makeRuntime()
  let inFlight = 0

  const isProjected = (seq: number, { isAsync }: Exchange["Service"]) =>
    Effect.flatMap(projected.current, (current) =>
      current >= seq || isAsync ? Effect.succeed(current >= seq) : projected.reached(seq, readWait),
    )

  const carriedOut: <Name extends CommandName>(command: Received<Name>) => Effect.Effect<Answer, Failure> =
    Effect.fnUntraced(function* ({ decode, headers, message, name, trace }) {
      const member = yield* authenticate(roster, message)
      yield* limits.admit(member.id)
      yield* heartbeats.seen(member)
      yield* limits.mayStore(member.id)
      const body = yield* bodyOf(message)
      const exchange = yield* exchangeOf(name, member, headers, body)
      const input = yield* Effect.mapError(
        decode(body.value),
        ({ issue }) => new InvalidInput({ errors: faultsIn(issue) }),
      )
      const { body: shown, outcome }: Handled = yield* handlers[name](input, exchange)
      const { seq } = outcome
      const answer = accepted(shown, { seq, isProjected: yield* isProjected(seq, exchange), trace })
      if (outcome.recorded) {
        yield* limits.stored(member.id, body.bytes + answer.payload.length + OVERHEAD)
      }
      return answer
    })

  const refuse = (endpoint: Endpoint, cause: Cause.Cause<Failure>, trace: string | undefined) =>
    Effect.gen(function* () {
      const known = Cause.findErrorOption(cause)
      if (Option.isNone(known)) yield* Effect.logError(`${endpoint.name} failed`, cause)
      const failure = Option.getOrElse(known, () => new Unexpected())
      endpoint.errors += 1
      endpoint.lastError = refusalOf(failure).code
      return refused(failure, { seq: yield* projected.current, trace })
    })

  const handlerOf = <Name extends CommandName>(name: Name, endpoint: Endpoint) => {
    const decode = decoderOf(name)
    return (message: Msg) => {
      const began = performance.now()
      const headers = headersOf(message.headers)
      const trace = traceOf(headers["traceparent"])
      const answer = carriedOut({ name, decode, message, headers, trace }).pipe(
        Effect.provideService(TraceParent, trace),
        Effect.catchCause((cause) => refuse(endpoint, cause, trace)),
      )
      const traced = isTraced
        ? Effect.withSpan(answer, `NATS ${name}`, { kind: "server", ...parentOf(trace) })
        : answer
      return traced.pipe(
        Effect.map(({ headers, payload }) => void message.respond(payload, { headers })),
        Effect.catchDefect((defect) => Effect.logDebug(`an answer to ${name} is lost`, defect)),
        Effect.ensuring(
          Effect.sync(() => {
            inFlight -= 1
            endpoint.requests += 1
            endpoint.processingTime += Math.round((performance.now() - began) * 1e6)
          }),
        ),
      )
    }
  }

  const endpoints = commandNames.map((name) => {
    const endpoint = endpointOf(name)
    return { endpoint, handle: handlerOf(name, endpoint) }
  })

  const subscribe = () =>
    endpoints.map(({ endpoint: { subject }, handle }) =>
      connection.subscribe(subject, {
        queue: QUEUE,
        callback: (error, message) => {
          if (error !== null) return
          inFlight += 1
          run(handle(message))
        },
      }),
    )
  const finished = Effect.sleep("10 millis").pipe(Effect.repeat({ until: () => inFlight === 0 }))

  yield* Effect.acquireRelease(Effect.sync(subscribe), (subscriptions) =>
    Effect.promise(() => Promise.all(subscriptions.map((subscription) => subscription.drain()))).pipe(
      Effect.andThen(finished),
      Effect.timeoutOption(drainTimeout),
    ),
  )
  yield* discovery(endpoints.map(({ endpoint }) => endpoint))
})

/**
 * The door for agents on NATS (role `nats`): lets them in by their tokens, takes their commands, and cuts
 * connections whose token no longer counts. `issuer` is the seed that answers to logins are signed with.
 */
export const layer = (issuer: Redacted.Redacted) =>
  Layer.effectDiscard(Effect.andThen(serveCommands, Effect.andThen(authCallout(issuer), cutOff)))
