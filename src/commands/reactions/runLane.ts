import { Clock, DateTime, Effect, Latch, Stream } from "effect"
import { EventLog } from "../../domain/EventLog.ts"
import { Projected } from "../../projections/Projected.ts"
import { type Owed, ReadModel } from "../../projections/ReadModel.ts"
import { Answered } from "./Answered.ts"
import { attempt, record } from "./attempt.ts"
import { LaneFigures } from "./LaneFigures.ts"
import type { Reaction } from "./Reaction.ts"
import { UnderWay } from "./UnderWay.ts"

const SWEEP_MILLIS = 1_000
/** Between two looks at least: records may come much faster than a look is worth. */
const GAP_MILLIS = 20

/** A term's work on the rows of one kind. */
interface Lane<Result> {
  readonly reaction: Reaction<Result>
  readonly underWay: UnderWay
  readonly answered: Answered
  /** Opened when there may be something to do before the next second. */
  readonly awake: Latch.Latch
  /** The last position of the log when the term began: the leader before may have begun with all up to there. */
  readonly atStart: number
  /** The newest position that the read model has shown. */
  newest: number
  /** True when something that is due waits for a seat. */
  isBehind: boolean
}

const isoOf = (millis: number) => DateTime.formatIso(DateTime.makeUnsafe(millis))
const millisOf = (iso: string) => DateTime.makeUnsafe(iso).epochMilliseconds

const serve = Effect.fnUntraced(function* <Result>(
  { answered, atStart, reaction }: Lane<Result>,
  owed: Owed,
) {
  const { kind, records } = reaction
  const answer = yield* attempt(reaction, owed, owed.attempt > 1 || owed.seq <= atStart)
  if (answer._tag === "Never") yield* Effect.logWarning(`${kind} of ${owed.id} is given up: ${answer.why}`)
  if (records !== undefined) yield* record(records, owed, answer)
  const isUnrecorded = records === undefined && answer._tag === "Later"
  answered.add(owed, isUnrecorded ? millisOf(answer.at) : Infinity)
  return answer
})

const begin = Effect.fnUntraced(function* <Result>(lane: Lane<Result>, owed: Owed) {
  const { counted } = yield* LaneFigures
  const end = Effect.sync(() => {
    lane.underWay.leave(owed)
    if (lane.isBehind) lane.awake.openUnsafe()
  })
  yield* serve(lane, owed).pipe(counted(owed.kind), Effect.ensuring(end), Effect.forkScoped)
})

/** Begins all of the rows that are due and find a seat. Gives the milliseconds until the next of them is due. */
const beginDue = Effect.fnUntraced(function* <Result>(
  lane: Lane<Result>,
  rows: ReadonlyArray<Owed>,
  now: number,
) {
  let next = SWEEP_MILLIS
  for (const owed of rows) {
    const wait = Math.max(millisOf(owed.due), lane.answered.restsUntil(owed)) - now
    if (wait > 0) next = Math.min(next, wait)
    else if (lane.underWay.enter(owed)) yield* begin(lane, owed)
    else lane.isBehind = true
  }
  return next
})

/**
 * Looks at what is due and begins it. Gives the milliseconds after which something else may be due.
 *
 * The read model may be behind, or made anew while we look. It is believed only when it shows at least all that
 * was on the log when this term began, and never less than it showed before.
 */
const look = Effect.fnUntraced(function* <Result>(lane: Lane<Result>) {
  const { answered, reaction, underWay } = lane
  const readModel = yield* ReadModel
  const { isClosing } = yield* LaneFigures
  lane.isBehind = underWay.isFull
  if (lane.isBehind || isClosing()) return SWEEP_MILLIS

  const now = yield* Clock.currentTimeMillis
  const except = underWay.fullTargets
  const limit = reaction.atOnce + underWay.size + answered.size
  const filter = { kind: reaction.kind, dueBy: isoOf(now + SWEEP_MILLIS), except }
  const { seq, value: rows } = yield* readModel.owed(filter, limit)
  if (seq < lane.newest) return SWEEP_MILLIS
  lane.newest = seq
  answered.forgetMissing({ except, limit, rows })
  lane.isBehind = except.length > 0

  const next = yield* beginDue(lane, rows, now)
  // The first rows were for targets that are full now: there may be more behind them.
  const hasFilled = rows.length === limit && underWay.fullTargets.length > except.length
  return hasFilled && !underWay.isFull ? 0 : next
})

const laneOf = Effect.fnUntraced(function* <Result>(
  reaction: Reaction<Result>,
): Effect.fn.Return<Lane<Result>, never, EventLog> {
  const log = yield* EventLog
  const { last } = yield* log.head.pipe(
    Effect.tapError(() => Effect.sleep(SWEEP_MILLIS)),
    Effect.eventually,
  )
  return {
    reaction,
    underWay: new UnderWay(reaction),
    answered: new Answered(),
    awake: yield* Latch.make(),
    atStart: last,
    newest: last,
    isBehind: false,
  }
})

/**
 * The lane of a reaction: makes its attempts when they are due, within its bounds. Looks once a second, and
 * at once when the read model has moved on or an attempt makes room for another. Never ends by itself; only
 * the leader of all nodes may run it.
 */
export const runLane = <Result>(reaction: Reaction<Result>) =>
  Effect.gen(function* () {
    const { kind, records } = reaction
    const projected = yield* Projected
    const lane = yield* laneOf(reaction)
    const { awake } = lane

    const turn = Effect.gen(function* () {
      awake.closeUnsafe()
      const pause = yield* look(lane).pipe(
        Effect.catch((error) =>
          Effect.as(Effect.logDebug(`the lane of ${kind} looks again`, error), SWEEP_MILLIS),
        ),
      )
      yield* Effect.sleep(GAP_MILLIS)
      yield* Effect.timeoutOption(awake.await, Math.max(0, pause - GAP_MILLIS))
    })

    // Deadlines lie a while ahead when they are recorded: the look of the second finds them.
    if (records !== undefined) {
      yield* projected.changes.pipe(
        Stream.runForEach(() => awake.open),
        Effect.forkScoped,
      )
    }
    return yield* Effect.forever(turn)
  }).pipe(Effect.scoped)
