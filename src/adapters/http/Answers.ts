import { Context, Duration, Effect, Layer } from "effect"
import { HttpServerResponse } from "effect/http"
import { Settings } from "../../config.ts"
import { Limits } from "../../commands/Limits.ts"
import { Projected } from "../../projections/Projected.ts"
import type { Seen } from "../../projections/ReadModel.ts"
import { ReadModelBehind } from "../EdgeRefusal.ts"
import type { Failure } from "../refusals.ts"
import { Exchange, isKnown } from "./Exchange.ts"
import { refuseAt } from "./problems.ts"

type Response = HttpServerResponse.HttpServerResponse
type Current = Exchange["Service"]

/** The part of an outcome that answers depend on. */
interface Done {
  readonly seq: number
  readonly recorded: boolean
}
/** What was read is the state of this position. */
type Shown = Pick<Seen<unknown>, "seq">
interface Told {
  /** 204 without one. */
  readonly body?: object
  readonly status?: number
  /** The version of what the body shows, for its `ETag`. */
  readonly version?: number
  /** Ends when reads show it; by default they come from the read model. */
  readonly shown?: Effect.Effect<void>
}

/** What a record holds beside the events and the newest state, roughly. */
const OVERHEAD = 512
const JSON_TYPE = "application/json"

/** How answers are given: with their position on the log, and not before the read model shows it. */
export class Answers extends Context.Service<
  Answers,
  {
    /** Runs a route's handler; every failure becomes the problem that the table of refusals says. */
    readonly to: <E extends Failure>(
      handle: (exchange: Current) => Effect.Effect<Response, E>,
    ) => Effect.Effect<Response, never, Exchange>
    /** The answer to an accepted command (architecture.md section 6). */
    readonly done: (exchange: Current, outcome: Done, told: Told) => Effect.Effect<Response>
    /**
     * Asks the read model, once it has reached what the reader wants to see. What was seen here once
     * does not vanish again: a PostgreSQL that crashed and lost its last transactions is asked later.
     */
    readonly read: <A extends Shown, E>(
      exchange: Current,
      read: Effect.Effect<A, E>,
    ) => Effect.Effect<A, E | ReadModelBehind>
    /** The answer to a read; 304 when the reader has this version already. */
    readonly seen: (
      exchange: Current,
      seen: Shown,
      body: object,
      more?: { readonly version?: number; readonly headers?: Record<string, string> },
    ) => Response
  }
>()("crewlog/adapters/http/Answers") {
  static readonly layer = Layer.effect(
    Answers,
    Effect.gen(function* () {
      const { readWait } = yield* Settings
      const limits = yield* Limits
      const projected = yield* Projected

      const isProjected = ({ isAsync }: Current, seq: number) =>
        Effect.flatMap(projected.current, (current) =>
          current >= seq || isAsync ? Effect.succeed(current >= seq) : projected.reached(seq, readWait),
        )

      const isShown = ({ isAsync }: Current, shown: Effect.Effect<void>) =>
        shown.pipe(
          Effect.as(true),
          Effect.timeoutOrElse({
            duration: isAsync ? Duration.zero : readWait,
            orElse: () => Effect.succeed(false),
          }),
        )

      const refuse = refuseAt(projected)

      const done = Effect.fnUntraced(function* (exchange: Current, outcome: Done, told: Told) {
        const { body, shown, status = 200, version } = told
        const text = body === undefined ? "" : JSON.stringify(body)
        if (outcome.recorded) {
          yield* limits.stored(exchange.member.id, exchange.bytes + text.length + OVERHEAD)
        }
        const headers: Record<string, string> = { "crewlog-seq": String(outcome.seq) }
        if (version !== undefined) headers.etag = `"${version}"`
        if (exchange.isAsync) headers["preference-applied"] = "respond-async"
        const canBeRead = shown === undefined ? isProjected(exchange, outcome.seq) : isShown(exchange, shown)
        if (!(yield* canBeRead)) headers["crewlog-projected"] = "false"
        return body === undefined
          ? HttpServerResponse.empty({ status: 204, headers })
          : HttpServerResponse.text(text, { status, contentType: JSON_TYPE, headers })
      })

      const read = Effect.fnUntraced(function* <A extends Shown, E>(
        { minSeq = 0 }: Current,
        read: Effect.Effect<A, E>,
      ) {
        if ((yield* projected.current) < minSeq) yield* projected.reached(minSeq, readWait)
        const wanted = Math.max(minSeq, yield* projected.current)
        const shown = yield* read
        return shown.seq >= wanted ? shown : yield* new ReadModelBehind({ wanted, reached: shown.seq })
      })

      return Answers.of({
        to: (handle) => Effect.flatMap(Exchange, handle).pipe(Effect.catch(refuse)),
        done,
        read,
        seen: (exchange, { seq }, body, { headers = {}, version } = {}) => {
          const all: Record<string, string> = { "crewlog-seq": String(seq), ...headers }
          if (version !== undefined) all.etag = `"${version}"`
          return version !== undefined && isKnown(exchange.ifNoneMatch, version)
            ? HttpServerResponse.empty({ status: 304, headers: all })
            : HttpServerResponse.text(JSON.stringify(body), { contentType: JSON_TYPE, headers: all })
        },
      })
    }),
  )
}
