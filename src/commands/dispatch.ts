import { Context, Effect, Layer, References } from "effect"
import type { Aggregate, Evolving } from "../domain/Aggregate.ts"
import { Digest } from "../domain/Digest.ts"
import { EventLog, type LogDamaged, type LogUnavailable, type NewerRecord } from "../domain/EventLog.ts"
import type { Loaded } from "../domain/History.ts"
import { AggregateCache } from "./dispatch/AggregateCache.ts"
import { makeAppend } from "./dispatch/appending.ts"
import { makeDecide, makeReload } from "./dispatch/deciding.ts"
import { type FirstAnswers, makeFirstAnswers } from "./dispatch/firstAnswers.ts"
import type { Deciding, Given } from "./dispatch/Given.ts"
import { makeHistories } from "./dispatch/histories.ts"
import type { Envelope } from "./Envelope.ts"
import { Receipts } from "./Receipts.ts"
import { makeTurns } from "./turns.ts"

export type { DispatchFailure, Outcome } from "./Outcome.ts"

/**
 * Load, decide, append (architecture.md section 2). Commands for one aggregate wait for each
 * other inside the process; the guard of the append keeps other processes honest. A decision on
 * cached state is trusted only as far as the append checks it: before a refusal or a "nothing
 * to do" goes out, the newest record is looked at.
 */
export class Dispatcher extends Context.Service<
  Dispatcher,
  {
    readonly dispatch: <State, Command, Event extends { readonly _tag: string }, Refusal>(
      aggregate: Aggregate<State, Command, Event, Refusal>,
      id: string,
      command: Command,
      envelope: Envelope,
    ) => Deciding<State, Event, Refusal>
    /** The aggregate as it is on the log now. */
    readonly load: <State, Event>(
      aggregate: Evolving<State, Event>,
      id: string,
    ) => Effect.Effect<
      Pick<Loaded<State>, "state" | "seq" | "version">,
      LogUnavailable | LogDamaged | NewerRecord
    >
  }
>()("crewlog/commands/Dispatcher") {
  static readonly layer = Layer.effect(
    Dispatcher,
    Effect.gen(function* () {
      const log = yield* EventLog
      const isTraced = yield* References.TracerEnabled
      return makeDispatcher(log, yield* Digest, makeFirstAnswers(log, yield* Receipts), isTraced)
    }),
  )
}

/** The parts of a dispatcher, with a cache and turns of its own. */
export const makeDispatcher = (
  log: EventLog["Service"],
  digest: Digest["Service"],
  firstAnswers: FirstAnswers,
  isTraced: boolean,
): Dispatcher["Service"] => {
  const historyOf = makeHistories(log, digest)
  const cache = new AggregateCache()
  const reload = makeReload(cache)
  const decide = makeDecide(log, reload, firstAnswers, makeAppend(log, digest, cache, firstAnswers))
  const inTurn = makeTurns()

  const dispatch = <State, Command, Event extends { readonly _tag: string }, Refusal>(
    given: Given<State, Command, Event, Refusal>,
  ): Deciding<State, Event, Refusal> =>
    Effect.suspend(() => {
      const cached = cache.get<State>(given.key)
      return cached === undefined
        ? Effect.flatMap(reload(given), (loaded) => decide(given, loaded, false, 0))
        : decide(given, cached, true, 0)
    }).pipe(
      Effect.tapError((error) =>
        Effect.sync(() => {
          if (isLogUnavailable(error)) cache.forget(given.key)
        }),
      ),
      Effect.uninterruptible,
      inTurn(given.key),
    )

  return {
    dispatch: (aggregate, id, command, envelope) => {
      const { type } = aggregate
      const given = { aggregate, command, envelope, subject: { type, id }, key: `${type}.${id}` }
      const dispatched = dispatch({ ...given, history: historyOf(aggregate) })
      if (!isTraced) return dispatched
      const attributes = { id, command: envelope.commandId }
      return Effect.withSpan(dispatched, `dispatch ${type}`, { attributes })
    },
    load: (aggregate, id) => historyOf(aggregate).load({ type: aggregate.type, id }),
  }
}

const isLogUnavailable = (error: unknown) =>
  typeof error === "object" && error !== null && "_tag" in error && error._tag === "LogUnavailable"
