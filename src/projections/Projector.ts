import { Effect } from "effect"
import { Digest } from "../domain/Digest.ts"
import { EventLog } from "../domain/EventLog.ts"
import { Announcements } from "./Announcements.ts"
import { checkLog } from "./checkLog.ts"
import { crewModel } from "./CrewModel.ts"
import { project, projectOneByOne, type Progress, retryParked } from "./project.ts"
import { Projected } from "./Projected.ts"
import type { Frame } from "./ReadModel.ts"
import { Store, type Term } from "./Store.ts"

const BEFORE_NEXT_TERM = "200 millis"
/** The number of records that take long enough for somebody to wonder. */
const WORTH_TELLING = 1_000

/**
 * Keeps the read model at the head of the log, as the one writer among all processes or waiting to
 * become it. An outage ends a term, and the next one begins when it is over. Only a log that is not
 * what it should be ends the projector, with `LogDamaged`: that has to end the program.
 */
export const projector = Effect.gen(function* () {
  const log = yield* EventLog
  const digest = yield* Digest
  const store = yield* Store
  const projected = yield* Projected
  const announcements = yield* Announcements

  const lead = Effect.fn("Projector.lead")(function* (term: Term) {
    const { epoch, last } = yield* checkLog(log, term.start)
    const isMuch = last - term.start.seq > WORTH_TELLING
    yield* (isMuch ? Effect.logInfo : Effect.logDebug)(
      `projecting from ${term.start.seq}, the log is at ${last}`,
    )
    // Tables that are made anew make old frames again: those were told long ago.
    const toldUpTo = term.start.seq === 0 ? last : term.start.seq
    const committed = (seq: number, frames: ReadonlyArray<Frame> = []) => {
      const untold = frames.filter((frame) => frame.seq > toldUpTo)
      return Effect.andThen(announcements.publish(seq, untold), projected.note(seq))
    }
    const { lull } = projected
    const progress: Progress = {
      log,
      digest,
      epoch,
      term,
      at: term.start,
      parked: new Map(),
      committed,
      lull,
    }
    yield* committed(term.start.seq)
    yield* retryParked(progress)
    while (true) {
      const upTo = yield* project(progress).pipe(
        Effect.as(0),
        Effect.catchTag("BatchRefused", (refused) => Effect.succeed(refused.upTo)),
      )
      yield* projectOneByOne(progress, upTo)
    }
  })

  const oneTerm = Effect.gen(function* () {
    const term = yield* store.lead(crewModel)
    return yield* Effect.raceFirst(lead(term), term.ended)
  }).pipe(
    Effect.scoped,
    Effect.catchTags({
      TermEnded: ({ reason }) => Effect.logWarning(`no longer projecting: ${reason}`),
      LogUnavailable: ({ reason }) => Effect.logWarning(`not projecting, the log is away: ${reason}`),
    }),
    Effect.tapErrorTag("LogDamaged", ({ message }) => Effect.logFatal(message)),
  )

  return yield* oneTerm.pipe(Effect.andThen(Effect.sleep(BEFORE_NEXT_TERM)), Effect.forever)
})
