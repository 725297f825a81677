import { Cause, DateTime, Duration, Effect, Predicate, Schedule } from "effect"
import type { Owed } from "../../projections/ReadModel.ts"
import { type Answer, envelopeOf, later, type Reaction, type Records } from "./Reaction.ts"

const LOG_AGAIN = "1 second"

/**
 * An attempt at what is owed. Where an earlier one may have reached the outside (`isResumed`), the outside is
 * asked first, and nothing is sent if it knows. Every failure, defects included, is an answer: later.
 */
export const attempt = <Result>(
  { backoff, inquire, kind, perform, within }: Reaction<Result>,
  owed: Owed,
  isResumed: boolean,
): Effect.Effect<Answer<Result>> => {
  const known = isResumed && inquire !== undefined ? inquire(owed) : Effect.succeed(undefined)
  return known.pipe(
    Effect.timeout(within),
    Effect.flatMap((answer) =>
      answer === undefined ? Effect.timeout(perform(owed), within) : Effect.succeed(answer),
    ),
    Effect.catchCause((cause) =>
      Cause.hasInterruptsOnly(cause)
        ? Effect.interrupt
        : Effect.gen(function* () {
            const pause = Duration.fromInputUnsafe(backoff(owed.attempt))
            const what = `attempt ${owed.attempt} at ${kind} of ${owed.id} failed`
            yield* Effect.logWarning(`${what}, the next is in ${Duration.format(pause)}`, cause)
            return later(DateTime.formatIso(DateTime.addDuration(yield* DateTime.now, pause)))
          }),
    ),
    Effect.withSpan(`reaction ${kind}`, { attributes: { id: owed.id, attempt: owed.attempt, isResumed } }),
  )
}

/**
 * Puts an answer on the log. While the log is away it is kept and tried again: to forget it would be to send
 * again. A refusal is final: the aggregate wants to hear no more of it.
 */
export const record = <Result>(
  records: Records<Result>,
  owed: Owed,
  answer: Answer<Result>,
): Effect.Effect<void> =>
  Effect.suspend(() => commandOf(records, owed, answer)).pipe(
    Effect.retry({ schedule: Schedule.spaced(LOG_AGAIN), while: isPassing }),
    Effect.catchCause((cause) =>
      Cause.hasInterruptsOnly(cause)
        ? Effect.interrupt
        : Effect.logError(`what came of ${owed.kind} of ${owed.id} could not be recorded`, cause),
    ),
    Effect.asVoid,
  )

const commandOf = <Result>(records: Records<Result>, owed: Owed, answer: Answer<Result>) => {
  const envelope = envelopeOf(owed)
  switch (answer._tag) {
    case "Done":
      return records.done(owed, answer.result, envelope)
    case "Later":
      return records.postpone(owed, answer.at, envelope)
    case "Never":
      return records.giveUp(owed, answer.why, envelope)
  }
}

const passing = ["LogUnavailable", "LogFull", "Contended"]
const isPassing = (error: unknown): boolean => passing.some((tag) => Predicate.isTagged(error, tag))
