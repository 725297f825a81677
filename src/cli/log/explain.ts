import { Console, Effect, Layer } from "effect"
import { Argument, Command } from "effect/cli"
import { styleText } from "node:util"
import type { Recorded } from "../../domain/CommitRecord.ts"
import { Digest } from "../../domain/Digest.ts"
import { EventLog } from "../../domain/EventLog.ts"
import { historian } from "../../domain/History.ts"
import { Task } from "../../domain/Task.ts"
import {
  type Explanation,
  explain as explanationOf,
  type Happening,
  type Neighbour,
  taskAfter,
} from "../../projections/Explanation.ts"
import { CommandFailed } from "../CommandFailed.ts"
import { logOnly } from "../connected.ts"
import { json } from "../flags.ts"
import { clipped, printable, printableJson } from "../printable.ts"
import { SettingsLayer } from "../settings.ts"
import { whenOf } from "./RecordView.ts"
import { recordsOf } from "./recordsOf.ts"
import { taskNamed } from "./taskNamed.ts"
import { wrapped } from "./wrapped.ts"

const COLUMNS = 80
const happeningsIn = Effect.fnUntraced(function* (recorded: Recorded) {
  const { record, seq } = recorded
  const { eventsOf } = historian(Task, yield* EventLog, yield* Digest)
  const events = yield* eventsOf(recorded)
  return events.map((event): Happening => ({ seq, at: record.at, actor: record.actor, event }))
})

const neighbours = Effect.fnUntraced(function* (ids: ReadonlyArray<string>) {
  const { load } = historian(Task, yield* EventLog, yield* Digest)
  const loaded = yield* Effect.forEach(ids, (id) => load({ type: "task", id }), { concurrency: 8 })
  return loaded.flatMap(({ state }): ReadonlyArray<Neighbour> => {
    if (state._tag !== "Open") return []
    const { assignee_slug, id, key, status, title } = state
    return [{ id, key, title, status, assignee_slug }]
  })
})

/** Explains a task from the log alone. */
const explained = Effect.fnUntraced(function* (name: string) {
  const id = yield* taskNamed(name)
  const records = yield* recordsOf({ type: "task", id })
  const happenings = (yield* Effect.forEach(records, happeningsIn)).flat()
  const state = taskAfter(happenings)
  const explanation = explanationOf(
    happenings,
    yield* neighbours(state._tag === "Open" ? state.depends_on : []),
  )
  return explanation ?? (yield* new CommandFailed({ message: `the log knows no task ${name}` }))
})

const cut = (text: string) => clipped(printable(text), COLUMNS)

const holderLines = ({ since, slug, until }: Explanation["holders"][number]): ReadonlyArray<string> => {
  const end = until === null ? "now" : whenOf(until.at)
  const verb = {
    rejected: "rejected by",
    released: "released by",
    reassigned: "reassigned by",
    deleted: "deleted by",
  }
  const loss =
    until === null ? "" : `, ${verb[until.how]} ${until.by}${until.to === null ? "" : ` to ${until.to}`}`
  return [
    cut(`  ${whenOf(since.at)} - ${end}  ${slug}`),
    cut(`    ${since.how} by ${since.by}${loss}`),
    ...(until === null || until.reason === null ? [] : [cut(`    "${until.reason}"`)]),
  ]
}

const section = (title: string, lines: ReadonlyArray<string>) =>
  lines.length === 0 ? [] : ["", styleText("bold", title), ...lines]

const linesOf = ({ holders, key, moves, title, waits_for, why }: Explanation): ReadonlyArray<string> => [
  styleText("bold", cut(`${key}  ${title}`)),
  "",
  ...why.flatMap((sentence) => wrapped(printable(sentence))),
  ...section(
    "depends on, not done yet",
    waits_for.map((other) =>
      cut(`  ${other.key}  ${other.status}  ${other.assignee_slug ?? "-"}  ${other.title}`),
    ),
  ),
  ...section("held by", holders.flatMap(holderLines)),
  ...section(
    "moved",
    moves.map(({ at, by, from, to }) =>
      cut(`  ${whenOf(at)}  ${from === null ? to : `${from} -> ${to}`}  by ${by}`),
    ),
  ),
]

export const explain = Command.make(
  "explain",
  { task: Argument.String("task").pipe(Argument.withDescription("Its key, e.g. TE-1, or its id")), json },
  Effect.fnUntraced(
    function* ({ json, task }) {
      const explanation = yield* explained(task)
      yield* Console.log(json ? printableJson(explanation, 2) : linesOf(explanation).join("\n"))
    },
    Effect.provide(logOnly.pipe(Layer.provide(SettingsLayer))),
  ),
).pipe(
  Command.withDescription(
    "Explain a task: why it is where it is, what it waits for, who held it and why they lost it.",
  ),
  Command.withShortDescription("Explain why a task is where it is"),
)
