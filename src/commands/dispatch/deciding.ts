import { Effect, Random, Result } from "effect"
import type { EventLog } from "../../domain/EventLog.ts"
import { isCurrent, type Loaded } from "../../domain/History.ts"
import { isChosen } from "../../domain/Ids.ts"
import { afterTheFact } from "../afterTheFact.ts"
import { Contended, VersionMismatch } from "../Envelope.ts"
import type { AggregateCache } from "./AggregateCache.ts"
import type { AppendDecision } from "./appending.ts"
import type { FirstAnswers } from "./firstAnswers.ts"
import type { Deciding, Given } from "./Given.ts"

type Tagged = { readonly _tag: string }

const DECISIONS = 5
const CONFLICT_MILLIS = 2

/** The newest state of a command's aggregate, from the log. */
export const makeReload =
  (cache: AggregateCache) =>
  <State, Command, Event extends Tagged, Refusal>({
    history,
    key,
    subject,
  }: Given<State, Command, Event, Refusal>) =>
    Effect.map(history.load(subject), (loaded) => {
      cache.keep(key, loaded)
      return loaded
    })
export type Reload = ReturnType<typeof makeReload>

/**
 * Decides on what is loaded, and appends. `cached`: the state may be older than the log; an append finds out by
 * its guard, any other answer waits for a look at the newest record.
 */
export const makeDecide = (
  log: EventLog["Service"],
  reload: Reload,
  firstAnswers: FirstAnswers,
  append: AppendDecision,
) => {
  // Generator functions made here and not for each command: the engine optimises them one by one.

  /** Someone was first, or our own earlier try was: its record stands between our guard and now. */
  const afterConflict = Effect.fnUntraced(function* <State, Command, Event extends Tagged, Refusal>(
    given: Given<State, Command, Event, Refusal>,
    guard: number,
    decisions: number,
  ) {
    // Another process writes here too: a moment of chance lets what it has in hand go first.
    yield* Effect.sleep(yield* Random.nextIntBetween(0, 2 ** decisions * CONFLICT_MILLIS))
    const loaded = yield* reload(given)
    const own = yield* firstAnswers.since(given, loaded, guard)
    if (own !== undefined) return own
    if (decisions >= DECISIONS) return yield* new Contended({ subject: given.key })
    return yield* decide(given, loaded, false, decisions)
  })

  const decide: <State, Command, Event extends Tagged, Refusal>(
    given: Given<State, Command, Event, Refusal>,
    loaded: Loaded<State>,
    cached: boolean,
    decisions: number,
  ) => Deciding<State, Event, Refusal> = Effect.fnUntraced(function* <
    State,
    Command,
    Event extends Tagged,
    Refusal,
  >(given: Given<State, Command, Event, Refusal>, loaded: Loaded<State>, cached: boolean, decisions: number) {
    const { commandId } = given.envelope
    const before = isChosen(commandId) ? yield* firstAnswers.earlier(given, loaded) : undefined
    if (before !== undefined) return before

    const decision = decisionOn(given, loaded)
    if (Result.isSuccess(decision) && isToRecord(given, loaded, decision.success)) {
      return yield* append(given, loaded, decision.success).pipe(
        Effect.catchTag("WrongGuard", () =>
          afterConflict(given, loaded.seq, decisions + 1).pipe(Effect.mapError(afterTheFact)),
        ),
      )
    }
    if (cached) {
      const newest = yield* log.last(given.subject)
      if (newest?.seq !== loaded.seq) return yield* decide(given, yield* reload(given), false, decisions)
    }
    if (Result.isFailure(decision)) return yield* Effect.fail(decision.failure)
    return { seq: loaded.seq, at: null, state: loaded.state, events: [], repeated: false, recorded: false }
  })

  return decide
}

const decisionOn = <State, Command, Event extends Tagged, Refusal>(
  { aggregate, command, envelope: { ifMatch } }: Given<State, Command, Event, Refusal>,
  loaded: Loaded<State>,
): Result.Result<ReadonlyArray<Event>, Refusal | VersionMismatch> =>
  ifMatch === undefined || isCurrent(ifMatch, loaded)
    ? aggregate.decide(command, loaded.state)
    : Result.fail(new VersionMismatch({ expected: ifMatch, actual: loaded.seq }))

/**
 * Events are recorded in any case. A client's command without any is recorded too, so that its repeat is told the
 * same and changes nothing later; not where it is only a part of what was asked, nor where there is no aggregate.
 */
const isToRecord = <State, Command, Event extends Tagged, Refusal>(
  { envelope: { commandId, isPart } }: Given<State, Command, Event, Refusal>,
  { seq }: Loaded<State>,
  events: ReadonlyArray<Event>,
): boolean => events.length > 0 || (isChosen(commandId) && isPart !== true && seq > 0)
