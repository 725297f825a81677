import { Context, DateTime, Effect, Layer, Random, References, Result, Schema } from "effect"
import { type Aggregate, fold } from "../domain/Aggregate.ts"
import { chained, type Recorded, StoredEvent, type Subject } from "../domain/CommitRecord.ts"
import { Digest } from "../domain/Digest.ts"
import {
  EventLog,
  LogDamaged,
  type LogFull,
  LogUnavailable,
  type NewerRecord,
  type RecordTooLarge,
} from "../domain/EventLog.ts"
import { historian, type Loaded, remember, REMEMBERED } from "../domain/History.ts"
import { isChosen } from "../domain/Ids.ts"
import { Contended, type Envelope, KeyReused, VersionMismatch } from "./Envelope.ts"
import { Receipts } from "./Receipts.ts"
import { makeTurns } from "./turns.ts"

/** What a command led to: the record at `seq` (or, when nothing had to change, the newest before it). */
export interface Outcome<State, Event> {
  readonly seq: number
  readonly at: string | null
  readonly state: State
  readonly events: ReadonlyArray<Event>
  /** The command had been given before; this is the first answer. */
  readonly repeated: boolean
}

export type DispatchFailure =
  | KeyReused
  | VersionMismatch
  | Contended
  | LogUnavailable
  | LogFull
  | RecordTooLarge
  | LogDamaged
  | NewerRecord

const DECISIONS = 5
const CONFLICT_MILLIS = 2
const SNAPSHOT_BYTES = 8 * 1024
const LARGE_SNAPSHOT_BYTES = 160 * 1024
const SNAPSHOT_EVERY = 16
const CACHED = 20_000

/** One command on its way, and what is needed to judge it. */
interface Given<State, Command, Event extends { readonly _tag: string }, Refusal> {
  readonly aggregate: Aggregate<State, Command, Event, Refusal>
  readonly history: HistoryOf<State, Command, Event, Refusal>
  readonly command: Command
  readonly envelope: Envelope
  readonly subject: Subject
  readonly key: string
}

type Deciding<State, Event, Refusal> = Effect.Effect<Outcome<State, Event>, Refusal | DispatchFailure>

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
    readonly load: <State, Command, Event extends { readonly _tag: string }, Refusal>(
      aggregate: Aggregate<State, Command, Event, Refusal>,
      id: string,
    ) => Effect.Effect<
      { readonly state: State; readonly seq: number },
      LogUnavailable | LogDamaged | NewerRecord
    >
  }
>()("crewlog/commands/Dispatcher") {
  static readonly layer = Layer.effect(
    Dispatcher,
    Effect.gen(function* () {
      const log = yield* EventLog
      const digest = yield* Digest
      const receipts = yield* Receipts
      const isTraced = yield* References.TracerEnabled
      const cache = new Map<string, Loaded<unknown>>()
      const inTurn = makeTurns()
      const histories = new Map<string, unknown>()

      const historyOf = <State, Command, Event extends { readonly _tag: string }, Refusal>(
        aggregate: Aggregate<State, Command, Event, Refusal>,
      ) => {
        type History = HistoryOf<State, Command, Event, Refusal>
        const known = histories.get(aggregate.type)
        if (known !== undefined) return known as History
        const made: History = { ...historian(aggregate, log, digest), ...codecOf(aggregate) }
        histories.set(aggregate.type, made)
        return made
      }

      const keep = (key: string, loaded: Loaded<unknown>) => {
        cache.delete(key)
        if (loaded.seq === 0) return
        cache.set(key, loaded)
        if (cache.size > CACHED) cache.delete(cache.keys().next().value ?? "")
      }

      // Generator functions made here and not for each command: the engine optimises them one by one.

      const answerOf = Effect.fnUntraced(function* <S, C, E extends { readonly _tag: string }, R>(
        { envelope, history }: Given<S, C, E, R>,
        recorded: Recorded,
      ) {
        if (recorded.record.fingerprint !== envelope.fingerprint) return yield* new KeyReused()
        const { state } = yield* history.asOf(recorded)
        const events = yield* history.eventsOf(recorded)
        return { seq: recorded.seq, at: recorded.record.at, state, events, repeated: true }
      })

      const found = Effect.fnUntraced(function* <S, C, E extends { readonly _tag: string }, R>(
        given: Given<S, C, E, R>,
        seq: number,
      ) {
        const { commandId } = given.envelope
        const recorded = yield* log.at(seq)
        if (recorded?.record.command === commandId) return yield* answerOf(given, recorded)
        return yield* new LogDamaged({ seq, reason: `should hold command ${commandId} of ${given.key}` })
      })

      /** The first answer, when this command was accepted before. */
      const earlier = Effect.fnUntraced(function* <S, C, E extends { readonly _tag: string }, R>(
        given: Given<S, C, E, R>,
        { remembered }: Loaded<S>,
      ) {
        const { envelope, history, subject } = given
        const known = remembered.find((one) => one.id === envelope.commandId)
        if (known !== undefined) return yield* found(given, known.seq)
        if (remembered.length < REMEMBERED) return undefined
        const receipt = yield* receipts
          .find(subject, envelope.commandId)
          .pipe(Effect.catch(() => Effect.succeed({ seq: undefined, upTo: 0 })))
        if (receipt.seq !== undefined) return yield* found(given, receipt.seq)
        const oldest = remembered[0]?.seq ?? 0
        const recorded = yield* history.search(subject, envelope.commandId, oldest, receipt.upTo)
        return recorded === undefined ? undefined : yield* answerOf(given, recorded)
      })

      const seal = <S, C, E extends { readonly _tag: string }, R>(
        { aggregate, envelope, history }: Given<S, C, E, R>,
        loaded: Loaded<S>,
        events: ReadonlyArray<E>,
        at: string,
      ) => {
        const open = {
          command: envelope.commandId,
          fingerprint: envelope.fingerprint,
          at,
          actor: envelope.actor.slug,
          correlation: envelope.correlation,
          causation: envelope.causation,
          prev: loaded.seq,
          events: history.encodeEvents(events),
        }
        const hash = digest.sha256(chained(loaded.hash, open))
        // Encoded, so that its fields stand in the order in which a repeat will find them.
        const state = history.encodeState(fold(aggregate, events, { seq: 0, at }, loaded.state))
        const bytes = JSON.stringify(state).length
        const fits =
          bytes <= SNAPSHOT_BYTES ||
          (loaded.sinceSnapshot + 1 >= SNAPSHOT_EVERY && bytes <= LARGE_SNAPSHOT_BYTES)
        const snapshot = {
          fold: history.foldHash,
          state: state as Schema.Json,
          commands: loaded.remembered,
        }
        return { record: fits ? { ...open, hash, snapshot } : { ...open, hash }, fits, state }
      }

      const append = Effect.fnUntraced(function* <S, C, E extends { readonly _tag: string }, R>(
        given: Given<S, C, E, R>,
        loaded: Loaded<S>,
        events: ReadonlyArray<E>,
      ) {
        const { aggregate, key, subject } = given
        const at = DateTime.formatIso(yield* DateTime.now)
        const { fits, record, state: unplaced } = seal(given, loaded, events, at)
        const appended = yield* log.append({ subject, guard: loaded.seq, record })
        if (appended.duplicate) {
          cache.delete(key)
          return yield* found(given, appended.seq)
        }
        const { seq } = appended
        const state = aggregate.locate === undefined ? unplaced : aggregate.locate(unplaced, seq)
        const { command: id, fingerprint, hash } = record
        keep(key, {
          state,
          seq,
          hash,
          remembered: remember(loaded.remembered, { id, fingerprint, seq }),
          sinceSnapshot: fits ? 0 : loaded.sinceSnapshot + 1,
        })
        return { seq, at, state, events, repeated: false }
      })

      const reload = <S, C, E extends { readonly _tag: string }, R>({
        history,
        key,
        subject,
      }: Given<S, C, E, R>) =>
        Effect.map(history.load(subject), (loaded) => {
          keep(key, loaded)
          return loaded
        })

      /** Someone was first, or our own earlier try was: its record stands between our guard and now. */
      const afterConflict = Effect.fnUntraced(function* <S, C, E extends { readonly _tag: string }, R>(
        given: Given<S, C, E, R>,
        guard: number,
        decisions: number,
      ) {
        // Another process writes here too: a moment of chance lets what it has in hand go first.
        yield* Effect.sleep(yield* Random.nextIntBetween(0, 2 ** decisions * CONFLICT_MILLIS))
        const loaded = yield* reload(given)
        const { commandId } = given.envelope
        const recorded = yield* given.history.search(given.subject, commandId, loaded.seq, guard)
        if (recorded !== undefined) return yield* answerOf(given, recorded)
        if (decisions >= DECISIONS) return yield* new Contended({ subject: given.key })
        return yield* decide(given, loaded, false, decisions)
      })

      const decide: <S, C, E extends { readonly _tag: string }, R>(
        given: Given<S, C, E, R>,
        loaded: Loaded<S>,
        cached: boolean,
        decisions: number,
      ) => Deciding<S, E, R> = Effect.fnUntraced(function* <S, C, E extends { readonly _tag: string }, R>(
        given: Given<S, C, E, R>,
        loaded: Loaded<S>,
        cached: boolean,
        decisions: number,
      ) {
        const { aggregate, command, envelope, subject } = given
        const before = isChosen(envelope.commandId) ? yield* earlier(given, loaded) : undefined
        if (before !== undefined) return before

        const { ifMatch } = envelope
        const decision: Result.Result<ReadonlyArray<E>, R | VersionMismatch> = ifMatch === undefined ||
        ifMatch === loaded.seq
          ? aggregate.decide(command, loaded.state)
          : Result.fail(new VersionMismatch({ expected: ifMatch, actual: loaded.seq }))

        if (Result.isSuccess(decision) && decision.success.length > 0) {
          return yield* append(given, loaded, decision.success).pipe(
            Effect.catchTag("WrongGuard", () =>
              afterConflict(given, loaded.seq, decisions + 1).pipe(Effect.mapError(afterTheFact)),
            ),
          )
        }
        if (cached) {
          const newest = yield* log.last(subject)
          if (newest?.seq !== loaded.seq) return yield* decide(given, yield* reload(given), false, decisions)
        }
        if (Result.isFailure(decision)) return yield* Effect.fail(decision.failure)
        return { seq: loaded.seq, at: null, state: loaded.state, events: [], repeated: false }
      })

      const dispatch = <S, C, E extends { readonly _tag: string }, R>(
        given: Given<S, C, E, R>,
      ): Deciding<S, E, R> =>
        Effect.suspend(() => {
          const cached = cache.get(given.key) as Loaded<S> | undefined
          return cached === undefined
            ? Effect.flatMap(reload(given), (loaded) => decide(given, loaded, false, 0))
            : decide(given, cached, true, 0)
        }).pipe(
          Effect.tapError((error) =>
            Effect.sync(() => {
              if (isLogUnavailable(error)) cache.delete(given.key)
            }),
          ),
          Effect.uninterruptible,
          inTurn(given.key),
        )

      return Dispatcher.of({
        dispatch: (aggregate, id, command, envelope) => {
          const { type } = aggregate
          const given = { aggregate, command, envelope, subject: { type, id }, key: `${type}.${id}` }
          const dispatched = dispatch({ ...given, history: historyOf(aggregate) })
          if (!isTraced) return dispatched
          const attributes = { id, command: envelope.commandId }
          return Effect.withSpan(dispatched, `dispatch ${type}`, { attributes })
        },
        load: (aggregate, id) => historyOf(aggregate).load({ type: aggregate.type, id }),
      })
    }),
  )
}

/** Once a record was sent, a log that goes away leaves open whether it was stored: also while we look. */
const afterTheFact = <E>(error: E): E | LogUnavailable =>
  error instanceof LogUnavailable ? new LogUnavailable({ reason: error.reason, unknown: true }) : error

const isLogUnavailable = (error: unknown) =>
  typeof error === "object" && error !== null && "_tag" in error && error._tag === "LogUnavailable"

const codecOf = <State, Command, Event extends { readonly _tag: string }, Refusal>({
  events,
  state,
}: Aggregate<State, Command, Event, Refusal>) => {
  const encode = Schema.encodeUnknownSync(Schema.NonEmptyArray(events))
  const check = Schema.decodeUnknownSync(Schema.NonEmptyArray(StoredEvent))
  return {
    encodeState: Schema.encodeSync(state),
    encodeEvents: (decided: ReadonlyArray<Event>) => check(encode(decided)),
  }
}

/** How the past of one type of aggregate is read, and what it is written in. */
type HistoryOf<State, Command, Event extends { readonly _tag: string }, Refusal> = ReturnType<
  typeof historian<State, Command, Event, Refusal>
> &
  ReturnType<typeof codecOf<State, Command, Event, Refusal>>
