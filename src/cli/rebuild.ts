import { Console, Effect, Layer } from "effect"
import { Command, Flag } from "effect/cli"
import { styleText } from "node:util"
import { type Rebuilt, rebuild as rebuildTables } from "../adapters/postgres/rebuild.ts"
import { AnswerIsNo } from "./CommandFailed.ts"
import { liveSchema, logAndServers } from "./connected.ts"
import { json } from "./flags.ts"
import { printableJson } from "./printable.ts"
import { progressBar } from "./Progress.ts"
import { SettingsLayer } from "./settings.ts"

const force = Flag.Boolean("force").pipe(
  Flag.withDescription("Also when the live tables were made from another log"),
  Flag.withDefault(false),
)

const isEqual = ({ tables }: Rebuilt) => tables.every(({ same }) => same)

const linesOf = (rebuilt: Rebuilt): ReadonlyArray<string> => {
  const { incomparable, seq, tables } = rebuilt
  const width = Math.max(0, ...tables.map(({ table }) => table.length))
  const rows = (count: number) => `${count} row${count === 1 ? "" : "s"}`
  return [
    ...tables.map(({ live, rebuilt, same, table }) =>
      same
        ? `  ${table.padEnd(width)}  equal   ${rows(live.rows)}`
        : `  ${table.padEnd(width)}  ${styleText("red", "DIFFERS")} ${rows(live.rows)}, rebuilt ${rows(rebuilt.rows)}`,
    ),
    `The read model is made anew up to record ${seq}, and in use.`,
    incomparable !== undefined
      ? `It was not compared with the one before: ${incomparable}.`
      : isEqual(rebuilt)
        ? styleText("green", "It is equal to the one before.")
        : styleText("red", "The one before was wrong where it differs."),
  ]
}

export const rebuild = Command.make(
  "rebuild",
  { json, force },
  Effect.fnUntraced(function* ({ force, json }) {
    const rebuilt = yield* Effect.gen(function* () {
      const progress = yield* progressBar("rebuilding")
      return yield* rebuildTables(yield* liveSchema, { progress, force })
    }).pipe(Effect.scoped, Effect.provide(logAndServers.pipe(Layer.provide(SettingsLayer))))
    const { incomparable = null, seq, tables } = rebuilt
    const ok = isEqual(rebuilt)
    yield* Console.log(json ? printableJson({ ok, seq, tables, incomparable }) : linesOf(rebuilt).join("\n"))
    if (!ok) return yield* new AnswerIsNo()
  }),
).pipe(
  Command.withDescription(
    "Make the read model anew from the log, beside the live one, compare the two table by table, and put the new " +
      "one in the old one's place. Servers may run meanwhile. The exit code is 1 if a table differs from what it was.",
  ),
  Command.withShortDescription("Make the tables anew from the log"),
)
