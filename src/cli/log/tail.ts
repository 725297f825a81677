import { Console, Effect, Layer, Option, Stream } from "effect"
import { Command, Flag } from "effect/cli"
import type { Recorded } from "../../domain/CommitRecord.ts"
import { EventLog } from "../../domain/EventLog.ts"
import { Seq } from "../../domain/Ids.ts"
import { isStray } from "../../domain/Line.ts"
import { matching } from "../../projections/matching.ts"
import { WrongUsage } from "../CommandFailed.ts"
import { logOnly } from "../connected.ts"
import { json } from "../flags.ts"
import { interruption } from "../interruption.ts"
import { printableJson } from "../printable.ts"
import { SettingsLayer } from "../settings.ts"
import { aggregateNamed } from "./aggregateNamed.ts"
import { namer } from "./names.ts"
import { newestMatching } from "./newestMatching.ts"
import { viewOf } from "./RecordView.ts"
import { positionSince } from "./since.ts"
import { columns, storyOf } from "./story.ts"

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
  since: Flag.String("since").pipe(
    Flag.withMetavar("moment"),
    Flag.withDescription("Instead of the newest: all since 90s, 15m, 1h or 2d ago, or since a moment"),
    Flag.optional,
  ),
  presence: Flag.Boolean("presence").pipe(
    Flag.withDescription("Also who comes and goes"),
    Flag.withDefault(false),
  ),
  aggregate: Flag.String("aggregate").pipe(
    Flag.withMetavar("name"),
    Flag.withDescription("Only one, e.g. TE-1, task.<id> or member.<slug>"),
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

/** The position that is told from; none where it is the newest that are wanted. */
const startOf = Effect.fnUntraced(function* ({
  after,
  since,
}: {
  readonly after: Option.Option<number>
  readonly since: Option.Option<string>
}) {
  if (Option.isNone(since)) return after
  if (Option.isSome(after)) return yield* new WrongUsage({ message: "--after and --since can't both be" })
  return Option.some(yield* positionSince(since.value))
})

export const tail = Command.make(
  "tail",
  flags,
  Effect.fnUntraced(
    function* ({ actor, aggregate, correlation, count, follow, json, presence, type, ...from }) {
      const log = yield* EventLog
      const nameOf = yield* namer
      const isAsked = presence || Option.isSome(aggregate) || Option.isSome(type)
      const after = yield* startOf(from)
      const fits = matching({
        aggregate: Option.isSome(aggregate) ? yield* aggregateNamed(aggregate.value) : undefined,
        types: Option.getOrUndefined(type)?.split(","),
        actor: Option.getOrUndefined(actor),
        correlation: Option.getOrUndefined(correlation),
      })
      const matches = (recorded: Recorded<string>) =>
        (isAsked || recorded.subject.type !== "presence") && fits(recorded)
      const print = (recorded: Recorded<string>) =>
        json
          ? Console.log(printableJson(viewOf(recorded)))
          : Effect.flatMap(nameOf(recorded), (named) => Console.log(storyOf(recorded, named, columns())))
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
      if (!follow) return
      interruption.code = 0
      const next = Math.max(
        head.last,
        Option.getOrElse(after, () => 0),
      )
      yield* printFrom(next, Infinity)
    },
    Effect.provide(logOnly.pipe(Layer.provide(SettingsLayer))),
  ),
).pipe(
  Command.withDescription(
    "Print the newest records of the log, one a line: position, time (UTC), who, about what, what happened. " +
      "Without who comes and goes, unless that is asked for.",
  ),
  Command.withShortDescription("Print the newest records, and follow"),
  Command.withExamples([
    { command: "crewlog log tail --follow --actor ada", description: "What ada does, from now on" },
    { command: "crewlog log tail --since 1h", description: "What happened in the last hour" },
    {
      command: "crewlog log tail --type TaskTaken --after 0 --json",
      description: "Every taking there ever was",
    },
  ]),
)
