import { Console, Effect, Layer } from "effect"
import { Command, Flag } from "effect/cli"
import { styleText } from "node:util"
import { AnswerIsNo } from "./CommandFailed.ts"
import { liveSchema, logAndServers, logOnly } from "./connected.ts"
import { json } from "./flags.ts"
import { printable, printableJson } from "./printable.ts"
import { progressBar } from "./Progress.ts"
import { SettingsLayer } from "./settings.ts"
import type { Problem } from "./verify/Problems.ts"
import { type Verified, verify as verifyAll } from "./verify/verification.ts"

const leaveOutRows = Flag.Boolean("log-only").pipe(
  Flag.withDescription("Leave out the rows in PostgreSQL"),
  Flag.withDefault(false),
)

const lineOf = ({ aggregate, problem, seq }: Problem): string => {
  const place = [...(seq === 0 ? [] : [`record ${seq}`]), ...(aggregate === "" ? [] : [aggregate])].join(", ")
  return printable(place === "" ? problem : `${place}: ${problem}`)
}

const NAMED = 10

const asideOf = ({ set_aside }: Verified["verification"]): string => {
  if (set_aside === undefined) return ""
  const { count, first } = set_aside
  const lines = first.slice(0, NAMED).map(({ seq, subject, why }) => printable(`  ${seq} ${subject}: ${why}`))
  const more = count > lines.length ? [`  and ${count - lines.length} more`] : []
  return [`\nSet aside, and no damage: ${count}`, ...lines, ...more].join("\n")
}

const summaryOf = ({ rows, verification }: Verified, leaveOutRows: boolean): string => {
  const { first_bad, last, ok, problems, records } = verification
  const looked = `${records} record${records === 1 ? "" : "s"}`
  const behind = rows === undefined || rows.seq === last ? "" : ` (as of record ${rows.seq})`
  const compared = rows === undefined ? "" : ` and ${rows.count} row${rows.count === 1 ? "" : "s"}${behind}`
  if (ok)
    return styleText(
      "green",
      `The log is sound: ${looked}${compared} checked${leaveOutRows ? ", rows left out" : ""}.${asideOf(verification)}`,
    )
  const first = first_bad === null ? "" : `, the first at record ${first_bad}`
  return styleText(
    "red",
    `${problems.length} problem${problems.length === 1 ? "" : "s"} in ${looked}${compared}${first}.`,
  )
}

const withProgress = (place: Parameters<typeof verifyAll>[0]) =>
  Effect.scoped(Effect.flatMap(progressBar("verifying"), (progress) => verifyAll(place, progress)))
const withRows = Effect.flatMap(liveSchema, (place) => withProgress(place)).pipe(
  Effect.provide(logAndServers.pipe(Layer.provide(SettingsLayer))),
)
const withoutRows = Effect.suspend(() => withProgress(undefined)).pipe(
  Effect.provide(logOnly.pipe(Layer.provide(SettingsLayer))),
)

export const verify = Command.make(
  "verify",
  { json, leaveOutRows },
  Effect.fnUntraced(function* ({ json, leaveOutRows }) {
    const verified = yield* leaveOutRows ? withoutRows : withRows
    const { verification } = verified
    if (json) yield* Console.log(printableJson(verification))
    else {
      yield* Effect.forEach(verification.problems, (problem) => Console.log(lineOf(problem)), {
        discard: true,
      })
      yield* Console.log(summaryOf(verified, leaveOutRows))
    }
    if (!verification.ok) return yield* new AnswerIsNo()
  }),
).pipe(
  Command.withDescription(
    "Read the whole log and say whether it is sound: no record missing, every hash right, every event as its " +
      "Schema says, every snapshot and every row in PostgreSQL what the events make of it. Changes nothing; " +
      "PostgreSQL needs room on its disk for a copy of the tables meanwhile.",
  ),
  Command.withShortDescription("Check the whole log, and the rows against it"),
  Command.withExamples([
    { command: "crewlog verify", description: "Check log and rows of the server on .crewlog" },
    { command: "crewlog verify --log-only --json", description: "Check the log alone, for a program" },
  ]),
)
