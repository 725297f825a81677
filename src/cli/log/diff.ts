import { Console, Effect, Layer, Stream } from "effect"
import { Argument, Command } from "effect/cli"
import { styleText } from "node:util"
import type { Recorded, Subject } from "../../domain/CommitRecord.ts"
import { isRecorded } from "../../domain/Line.ts"
import { changesBetween, type FieldChange } from "../../projections/changes.ts"
import { AnswerIsNo } from "../CommandFailed.ts"
import { logOnly } from "../connected.ts"
import { json } from "../flags.ts"
import { clipped, printable, printableJson } from "../printable.ts"
import { SettingsLayer } from "../settings.ts"
import { keyOf } from "../verify/Folds.ts"
import type { LogWalk } from "../verify/LogWalk.ts"
import { MOMENT, positionOf } from "./moment.ts"
import { past, warnOf } from "./past.ts"
import { recordsBetween } from "./recordsBetween.ts"

const COLUMNS = 80
const INDENT = " ".repeat(4)

/** An aggregate's part of the changes between two moments, as programs get it. */
interface AggregateDiff {
  readonly aggregate: string
  /** The name of the aggregate where it has one: a task's key, a slug. */
  readonly name: string | null
  readonly records: ReadonlyArray<number>
  readonly actors: ReadonlyArray<string>
  readonly events: ReadonlyArray<string>
  readonly changes: ReadonlyArray<FieldChange>
}

interface Touched {
  readonly subject: Subject
  readonly records: Array<Recorded["record"]>
  readonly seqs: Array<number>
  readonly before: unknown
}

/** Every aggregate that a record after `from` up to `to` has changed, as it was at `from`, where the walk stands. */
const touchedBetween = Effect.fnUntraced(function* (walk: LogWalk, from: number, to: number) {
  const touched = new Map<string, Touched>()
  yield* recordsBetween(from, to).pipe(
    Stream.filter(isRecorded),
    Stream.filter(({ record }) => record.events.length > 0),
    Stream.runForEach(({ record, seq, subject }) =>
      Effect.sync(() => {
        const key = keyOf(subject)
        const known = touched.get(key) ?? {
          subject,
          records: [],
          seqs: [],
          before: walk.folds.get(subject)?.state,
        }
        known.records.push(record)
        known.seqs.push(seq)
        touched.set(key, known)
      }),
    ),
  )
  return touched
})

const nameIn = (state: unknown): string | null => {
  if (typeof state !== "object" || state === null) return null
  if ("key" in state) return String(state.key)
  return "slug" in state ? String(state.slug) : null
}

const diffOf = ({ before, records, seqs, subject }: Touched, after: unknown): AggregateDiff => ({
  aggregate: keyOf(subject),
  name: nameIn(after) ?? nameIn(before),
  records: seqs,
  actors: [...new Set(records.map(({ actor }) => actor))],
  events: records.flatMap(({ events }) => events.map(({ _tag }) => _tag)),
  changes: changesBetween(before, after),
})

const between = Effect.fnUntraced(function* (from: number, to: number) {
  const walk = yield* past
  yield* walk.to(from)
  const touched = yield* touchedBetween(walk, from, to)
  yield* walk.to(to)
  return {
    walk,
    aggregates: Array.from(touched.values(), (one) => diffOf(one, walk.folds.get(one.subject)?.state)),
  }
}, Effect.scoped)

const shown = (value: unknown): string =>
  value === undefined ? "nothing" : typeof value === "string" ? value : JSON.stringify(value)

/** The change of a list: the items that came and went say more than all that are in it. */
const changeOf = ({ after, before }: FieldChange): string => {
  if (!Array.isArray(before) || !Array.isArray(after)) return `${shown(before)} -> ${shown(after)}`
  const [old, now] = [before.map(shown), after.map(shown)]
  return [
    ...old.filter((item) => !now.includes(item)).map((item) => `-${item}`),
    ...now.filter((item) => !old.includes(item)).map((item) => `+${item}`),
  ].join(" ")
}

const linesOf = ({ actors, aggregate, changes, events, name, records }: AggregateDiff) => {
  const width = Math.max(0, ...changes.map(({ field }) => field.length))
  const about = name === null ? aggregate : `${aggregate} (${name})`
  const who = `${INDENT}${records.join(", ")} by ${actors.join(", ")}: ${events.join(", ")}`
  return [
    styleText("bold", clipped(printable(about), COLUMNS)),
    styleText("dim", clipped(printable(who), COLUMNS)),
    ...changes.map((change) =>
      clipped(
        printable(
          `${INDENT}${(change.field === "_tag" ? "is" : change.field).padEnd(width)}  ${changeOf(change)}`,
        ),
        COLUMNS,
      ),
    ),
  ]
}

export const diff = Command.make(
  "diff",
  {
    from: Argument.String("from").pipe(Argument.withDescription(MOMENT)),
    to: Argument.String("to").pipe(Argument.withDescription("The same, later")),
    json,
  },
  Effect.fnUntraced(
    function* ({ from, json, to }) {
      const given = [yield* positionOf(from), yield* positionOf(to)] as const
      const [first, last] = [Math.min(...given), Math.max(...given)]
      const { aggregates, walk } = yield* between(first, last)
      yield* warnOf(walk)
      yield* Console.log(
        json
          ? printableJson({ from: first, to: last, aggregates }, 2)
          : aggregates.length === 0
            ? `Nothing happened between record ${first} and ${last}.`
            : aggregates.flatMap(linesOf).join("\n"),
      )
      if (walk.problems.count > 0) return yield* new AnswerIsNo()
    },
    Effect.provide(logOnly.pipe(Layer.provide(SettingsLayer))),
  ),
).pipe(
  Command.withDescription(
    "Print what changed between two moments, aggregate by aggregate: by whom, through which events, and how " +
      "each field was and is.",
  ),
  Command.withShortDescription("Print what changed between two moments"),
  Command.withExamples([
    { command: "crewlog log diff 100 120", description: "What records 101 to 120 changed" },
    { command: "crewlog log diff 2026-11-20 2026-11-21", description: "What happened that day (UTC)" },
  ]),
)
