import { Console, Effect, Layer, Stream } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { resolve } from "node:path"
import { restoreStray } from "../../adapters/nats/restoreStray.ts"
import { isAggregateType } from "../../domain/Aggregate.ts"
import type { Recorded } from "../../domain/CommitRecord.ts"
import { EventLog } from "../../domain/EventLog.ts"
import { hashOf, isStray, type Line, nameOf } from "../../domain/Line.ts"
import { CommandFailed } from "../CommandFailed.ts"
import { json } from "../flags.ts"
import { printable, printableJson } from "../printable.ts"
import { progressBar } from "../Progress.ts"
import { SettingsLayer } from "../settings.ts"
import { emptyLog } from "./emptyLog.ts"
import { checkExport, linesIn, manifestIn } from "./exported.ts"

const resume = Flag.Boolean("resume").pipe(
  Flag.withDescription("Go on where an import of the same export ended early"),
  Flag.withDefault(false),
)

const stopped = (seq: number, reason: string) =>
  new CommandFailed({ message: `the import stopped before record ${seq}: ${reason}. Go on with --resume.` })

/** A record whose subject ended with stray messages is appended once more: to look at the subject finds them. */
const appendBehind = Effect.fnUntraced(function* ({ record, subject }: Recorded<string>) {
  const log = yield* EventLog
  const append = log.append({ subject, guard: record.prev, record })
  const { type } = subject
  return yield* isAggregateType(type)
    ? append.pipe(Effect.catchTag("WrongGuard", () => Effect.andThen(log.last({ ...subject, type }), append)))
    : append
})

/**
 * Puts a record where it was. The guard is the position that the record itself names as its predecessor. Another
 * position than its own would make every later one wrong: then somebody else writes, and the log is spoiled.
 */
const append = Effect.fnUntraced(function* (line: Line) {
  const { seq } = line
  if (isStray(line)) {
    return yield* Effect.catchTag(restoreStray(line), "LogUnavailable", ({ message }) =>
      stopped(seq, message),
    )
  }
  const appended = yield* appendBehind(line).pipe(
    Effect.catchTags({
      LogUnavailable: ({ message }) => stopped(seq, message),
      LogDamaged: ({ message }) => stopped(seq, message),
      LogFull: ({ message }) => stopped(seq, message),
      RecordTooLarge: ({ bytes }) => stopped(seq, `it has ${bytes} bytes`),
      WrongGuard: ({ message }) => stopped(seq, message),
    }),
  )
  if (appended.seq === seq) return
  return yield* new CommandFailed({
    message: `record ${seq} came to stand at ${appended.seq}: somebody else writes to this log. Import into another one.`,
  })
})

/** Checks that what an earlier import left is the beginning of this very export. */
const checkThere = Effect.fnUntraced(function* (line: Line) {
  const found = yield* (yield* EventLog).line(line.seq)
  if (found !== undefined && hashOf(found) === hashOf(line) && nameOf(found) === nameOf(line)) return
  return yield* new CommandFailed({
    message: `record ${line.seq} of the log is not that of the export: this log is another one. Nothing was imported.`,
  })
})

/** The number of records of the export that the log holds already. */
const beginning = Effect.fnUntraced(function* (resume: boolean, end: number) {
  const { last } = yield* (yield* EventLog).head
  if (last === 0 || (resume && last <= end)) return last
  return yield* new CommandFailed({
    message: resume
      ? `the log holds ${last} records, the export only ${end}: this log is another one`
      : `the log is not empty: it holds ${last} records. Import into an empty one.`,
  })
})

const importFrom = Effect.fnUntraced(function* (folder: string, resume: boolean) {
  const manifest = yield* manifestIn(folder)
  const { last } = manifest
  const known = yield* beginning(resume, last)
  yield* Effect.scoped(
    Effect.flatMap(progressBar("checking"), (progress) => checkExport(folder, manifest, progress)),
  )
  const progress = yield* progressBar("importing")
  yield* linesIn(folder).pipe(
    Stream.runForEach((line) =>
      line.seq <= known ? checkThere(line) : Effect.andThen(append(line), progress(line.seq, last)),
    ),
  )
  return { records: last, imported: last - known, records_sha256: manifest.records_sha256 }
}, Effect.scoped)

export const importLog = Command.make(
  "import",
  { folder: Argument.String("folder").pipe(Argument.withDescription("What export wrote")), resume, json },
  Effect.fnUntraced(
    function* ({ folder, json, resume }) {
      const done = yield* importFrom(resolve(folder), resume)
      yield* Console.log(
        json
          ? printableJson(done)
          : `${done.imported} records are imported from ${printable(folder)}, each at its old position.\n` +
              "Look at them with crewlog verify --log-only; crewlog rebuild --force makes the read\n" +
              "model, where one of another log was before.",
      )
    },
    Effect.provide(emptyLog.pipe(Layer.provide(SettingsLayer))),
  ),
).pipe(
  Command.withDescription(
    "Bring an export into an empty log, each record at the position where it was. The export is checked as a whole " +
      "before anything is written. Members' tokens go on to work; the first admin's is in the old data folder's " +
      "admin-token, which no export holds.",
  ),
  Command.withShortDescription("Bring an export into an empty log"),
)
