import { Console, Effect } from "effect"
import { progressBar } from "../Progress.ts"
import { type LogWalk, walkLog } from "../verify/LogWalk.ts"

/** The log as somebody looks back at it: every record that is folded is checked as `crewlog verify` does. */
export const past = Effect.gen(function* () {
  const progress = yield* progressBar("reading")
  return yield* walkLog(progress)
})

/** Says on stderr when what is shown rests on records that are not sound, or lacks those of a newer program. */
export const warnOf = (walk: LogWalk) => Effect.andThen(warnOfAside(walk), warnOfProblems(walk))

const warnOfAside = ({ aside }: LogWalk) =>
  aside.count === 0
    ? Effect.void
    : Console.error(
        `crewlog: ${aside.count} line${aside.count === 1 ? "" : "s"} of the log ${aside.count === 1 ? "is" : "are"} set aside and not shown: ` +
          "stray messages, or a newer program's records. See crewlog verify.",
      )

const warnOfProblems = ({ problems }: LogWalk) =>
  problems.count === 0
    ? Effect.void
    : Console.error(
        `crewlog: the log is not sound up to there (${problems.count} problem${problems.count === 1 ? "" : "s"}): ` +
          "what is shown may be wrong. See crewlog verify.",
      )
