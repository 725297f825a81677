import { Console, Effect, Layer } from "effect"
import { Argument, Command } from "effect/cli"
import type { Recorded } from "../../domain/CommitRecord.ts"
import { EventLog } from "../../domain/EventLog.ts"
import { CommandFailed } from "../CommandFailed.ts"
import { logOnly } from "../connected.ts"
import { json } from "../flags.ts"
import { clipped, printable, printableJson } from "../printable.ts"
import { SettingsLayer } from "../settings.ts"
import { aggregateNamed } from "./aggregateNamed.ts"
import { causesOf } from "./causes.ts"
import { namer } from "./names.ts"
import { fieldsOf, lineOf, viewOf, whatIn } from "./RecordView.ts"
import { recordsOf } from "./recordsOf.ts"

const COLUMNS = 80
const INDENT = " ".repeat(8)

interface Entry {
  readonly recorded: Recorded
  readonly causes: ReadonlyArray<Recorded>
  /** The name of what the record is about, then those of its causes. */
  readonly names: ReadonlyArray<string>
}

/** A position stands for the aggregate of its record. */
const subjectNamed = Effect.fnUntraced(function* (name: string) {
  if (!/^\d{1,15}$/.test(name)) return yield* aggregateNamed(name)
  const recorded = yield* (yield* EventLog).at(Number(name))
  if (recorded === undefined) return yield* new CommandFailed({ message: `there is no record ${name}` })
  return recorded.subject
})

const causeOf = ({ record, seq }: Recorded, name: string): string =>
  `${seq} ${record.actor} ${whatIn(record)} (${name})`

const linesOf = ({ causes, names: [name = "", ...others], recorded }: Entry): ReadonlyArray<string> => [
  lineOf(recorded, name),
  ...recorded.record.events.flatMap((event) => fieldsOf(event, INDENT)),
  ...causes.map((cause, depth) =>
    clipped(
      printable(
        `${INDENT}${depth === 0 ? "because of " : "and that of "}${causeOf(cause, others[depth] ?? "")}`,
      ),
      COLUMNS,
    ),
  ),
]

export const history = Command.make(
  "history",
  {
    aggregate: Argument.String("aggregate").pipe(
      Argument.withDescription("TE-1, task.<id>, member.<slug>, ..., or the position of one of its records"),
    ),
    json,
  },
  Effect.fnUntraced(
    function* ({ aggregate, json }) {
      const records = yield* recordsOf(yield* subjectNamed(aggregate))
      if (records.length === 0) {
        return yield* new CommandFailed({
          message: `the log knows no ${aggregate}. Look for it with crewlog log tail.`,
        })
      }
      const nameOf = yield* namer
      const entryOf = Effect.fnUntraced(function* (recorded: Recorded) {
        const causes = yield* causesOf(recorded)
        const names = yield* Effect.forEach([recorded, ...causes], nameOf)
        return { recorded, causes, names: names.map(({ name }) => name) } satisfies Entry
      })
      const entries = yield* Effect.forEach(records, entryOf, { concurrency: 8 })
      if (json) {
        const views = entries.map(({ causes, recorded }) => ({
          ...viewOf(recorded),
          causes: causes.map(viewOf),
        }))
        return yield* Console.log(printableJson(views, 2))
      }
      yield* Console.log(entries.flatMap(linesOf).join("\n"))
    },
    Effect.provide(logOnly.pipe(Layer.provide(SettingsLayer))),
  ),
).pipe(
  Command.withDescription(
    "Print everything that happened to one aggregate: who, what, when, and because of what.",
  ),
  Command.withShortDescription("Print what happened to one aggregate, and why"),
)
