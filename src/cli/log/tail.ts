import { Console, Effect, Layer, Option, Stream } from "effect"
import { Command, Flag } from "effect/cli"
import type { Recorded } from "../../domain/CommitRecord.ts"
import { EventLog } from "../../domain/EventLog.ts"
import { Seq } from "../../domain/Ids.ts"
import { isStray } from "../../domain/Line.ts"
import { matching } from "../../projections/matching.ts"
import { logOnly } from "../connected.ts"
import { json } from "../flags.ts"
import { interruption } from "../interruption.ts"
import { printableJson } from "../printable.ts"
import { SettingsLayer } from "../settings.ts"
import { aggregateNamed } from "./aggregateNamed.ts"
import { newestMatching } from "./newestMatching.ts"
import { lineOf, viewOf } from "./RecordView.ts"

const flags = {
  json,
  follow: Flag.Boolean("follow").pipe(
    Flag.withAlias("f"),
    Flag.withDescription("Go on with what comes, until Ctrl-C"),
    Flag.withDefault(false),
  ),
  count: Flag.Int("count").pipe(
    Flag.withAlias("n"),
    Flag.withMetavar("n"),
    Flag.withDescription("How many of the newest (default 20)"),
    Flag.withSchema(Seq),
    Flag.withDefault(20),
  ),
  after: Flag.Int("after").pipe(
    Flag.withMetavar("seq"),
    Flag.withDescription("Instead of the newest: all after this position"),
    Flag.withSchema(Seq),
    Flag.optional,
  ),
  aggregate: Flag.String("aggregate").pipe(
    Flag.withMetavar("name"),
    Flag.withDescription("Only one, e.g. task.<id> or member.<slug>"),
    Flag.optional,
  ),
  type: Flag.String("type").pipe(
    Flag.withMetavar("events"),
    Flag.withDescription("Only records with such an event, e.g. TaskTaken,TaskRejected"),
    Flag.optional,
  ),
  actor: Flag.String("actor").pipe(
    Flag.withMetavar("slug"),
    Flag.withDescription("Only what this member did"),
    Flag.optional,
  ),
  correlation: Flag.String("correlation").pipe(
    Flag.withMetavar("id"),
    Flag.withDescription("Only what came of one request"),
    Flag.optional,
  ),
}

export const tail = Command.make(
  "tail",
  flags,
  Effect.fnUntraced(
    function* ({ actor, after, aggregate, correlation, count, follow, json, type }) {
      const log = yield* EventLog
      const matches = matching({
        aggregate: Option.isSome(aggregate) ? yield* aggregateNamed(aggregate.value) : undefined,
        types: Option.getOrUndefined(type)?.split(","),
        actor: Option.getOrUndefined(actor),
        correlation: Option.getOrUndefined(correlation),
      })
      const print = (recorded: Recorded<string>) =>
        Console.log(json ? printableJson(viewOf(recorded)) : lineOf(recorded))
      const printFrom = (seq: number, until: number) =>
        log.follow(seq).pipe(
          Stream.takeUntil((recorded) => recorded.seq >= until),
          Stream.filter((line): line is Recorded<string> => !isStray(line) && matches(line)),
          Stream.runForEach(print),
        )

      const head = yield* log.head
      if (Option.isNone(after)) {
        yield* Effect.forEach(yield* newestMatching(matches, count, head), print, { discard: true })
      } else if (after.value < head.last) yield* printFrom(after.value, head.last)
      const from = Math.max(
        head.last,
        Option.getOrElse(after, () => 0),
      )
      if (!follow) return
      interruption.code = 0
      yield* printFrom(from, Infinity)
    },
    Effect.provide(logOnly.pipe(Layer.provide(SettingsLayer))),
  ),
).pipe(
  Command.withDescription(
    "Print the newest records of the log, one a line: position, time (UTC), who, what.",
  ),
  Command.withShortDescription("Print the newest records, and follow"),
  Command.withExamples([
    { command: "crewlog log tail --follow --actor ada", description: "What ada does, from now on" },
    {
      command: "crewlog log tail --type TaskTaken --after 0 --json",
      description: "Every taking there ever was",
    },
  ]),
)
