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

const isoOf = (millis: number) => DateTime.formatIso(DateTime.makeUnsafe(millis))
const millisOf = (iso: string) => DateTime.makeUnsafe(iso).epochMilliseconds

/**
 * One reaction's lane: makes its attempts when they are due, within its bounds. Looks once a second, and at once
 * when the read model has moved on or an attempt makes room for another. Never ends by itself; only the leader of
 * all nodes may run it.
 *
 * The read model may be behind, or made anew while we look. It is believed only when it shows at least what was on
 * the log when this term began, and never less than what it showed before.
 */
export const runLane = <Result>(reaction: Reaction<Result>) =>
  Effect.gen(function* () {
    const { kind, records } = reaction
    const log = yield* EventLog
    const readModel = yield* ReadModel
    const projected = yield* Projected
    const figures = yield* LaneFigures
    const scope = yield* Effect.scope
    const awake = yield* Latch.make()
    const underWay = new UnderWay(reaction)
    const answered = new Answered()
    let atStart: number | undefined
    let newest = 0
    let isBehind = false

    const serve = Effect.fnUntraced(function* (owed: Owed) {
      // The leader before may have begun with this one.
      const isResumed = owed.attempt > 1 || atStart === undefined || owed.seq <= atStart
      const answer = yield* attempt(reaction, owed, isResumed)
      if (answer._tag === "Never")
        yield* Effect.logWarning(`${kind} of ${owed.id} is given up: ${answer.why}`)
      if (records !== undefined) yield* record(records, owed, answer)
      const isUnrecorded = records === undefined && answer._tag === "Later"
      answered.add(owed, isUnrecorded ? millisOf(answer.at) : Infinity)
      return answer
    })

    const begin = (owed: Owed) =>
      serve(owed).pipe(
        figures.counted(kind),
        Effect.ensuring(
          Effect.sync(() => {
            underWay.leave(owed)
            if (isBehind) awake.openUnsafe()
          }),
        ),
        Effect.forkIn(scope),
      )

    /** Begins what is due. Gives the milliseconds after which something else may be. */
    const look = Effect.gen(function* () {
      isBehind = underWay.isFull
      if (isBehind || figures.isClosing()) return SWEEP_MILLIS
      atStart ??= (yield* log.head).last
      const now = yield* Clock.currentTimeMillis
      const except = underWay.fullTargets
      const limit = reaction.atOnce + underWay.size + answered.size
      const dueBy = isoOf(now + SWEEP_MILLIS)
      const { seq, value: rows } = yield* readModel.owed({ kind, dueBy, except }, limit)
      if (seq < Math.max(newest, atStart)) return SWEEP_MILLIS
      newest = seq
      answered.forgetMissing({ except, limit, rows })
      isBehind = except.length > 0
      let next = SWEEP_MILLIS
      for (const owed of rows) {
        const wait = Math.max(millisOf(owed.due), answered.restsUntil(owed)) - now
        if (wait > 0) next = Math.min(next, wait)
        else if (underWay.enter(owed)) yield* begin(owed)
        else isBehind = true
      }
      // The first rows were for targets that are full now: there may be more behind them.
      const hasFilled = rows.length === limit && underWay.fullTargets.length > except.length
      return hasFilled && !underWay.isFull ? 0 : next
    }).pipe(
      Effect.catch((error) =>
        Effect.as(Effect.logDebug(`the lane of ${kind} looks again`, error), SWEEP_MILLIS),
      ),
    )

    const turn = Effect.gen(function* () {
      awake.closeUnsafe()
      const pause = yield* look
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
