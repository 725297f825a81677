import { Console, Effect, Layer } from "effect"
import { Argument, Command } from "effect/cli"
import { styleText } from "node:util"
import type { Recorded } from "../../domain/CommitRecord.ts"
import { EventLog } from "../../domain/EventLog.ts"
import { Seq } from "../../domain/Ids.ts"
import { isStray, type Stray } from "../../domain/Line.ts"
import { CommandFailed } from "../CommandFailed.ts"
import { logOnly } from "../connected.ts"
import { json } from "../flags.ts"
import { clipped, printable, printableJson } from "../printable.ts"
import { SettingsLayer } from "../settings.ts"
import { causesOf } from "./causes.ts"
import { namer } from "./names.ts"
import { fieldsOf, lineOf, viewOf, whatIn, whenOf } from "./RecordView.ts"

const COLUMNS = 80

const strayView = ({ seq, stray: { data, reason, subject } }: Stray) => ({
  seq,
  stray: { subject, reason, data_base64: Buffer.from(data).toString("base64") },
})

const strayLine = ({ seq, stray: { data, reason, subject } }: Stray) =>
  printable(`${seq} on ${subject}, ${data.length} bytes: ${reason}. It is set aside.`)

/** A record that led to another, with the name of what it is about. */
type Cause = readonly [cause: Recorded, name: string]

const linesOf = (recorded: Recorded<string>, causes: ReadonlyArray<Cause>): ReadonlyArray<string> => {
  const { record, seq, subject } = recorded
  const { actor, at, command, correlation, events, hash, prev, snapshot } = record
  const facts = {
    record: String(seq),
    aggregate: `${subject.type}.${subject.id}`,
    at: `${whenOf(at)} UTC`,
    actor,
    command,
    correlation,
    previous: prev === 0 ? "none: the aggregate's first" : String(prev),
    hash,
    snapshot: snapshot === undefined ? "none" : `of fold ${snapshot.fold}`,
  }
  return [
    ...Object.entries(facts).map(([name, value]) =>
      clipped(printable(`${name.padEnd(12)}${value}`), COLUMNS),
    ),
    ...(events.length === 0 ? ["", whatIn(record)] : []),
    ...events.flatMap((event) => ["", styleText("bold", printable(event._tag)), ...fieldsOf(event, "  ")]),
    ...(causes.length === 0 ? [] : ["", "because of", ...causes.map(([cause, name]) => lineOf(cause, name))]),
  ]
}

export const show = Command.make(
  "show",
  { seq: Argument.Int("seq").pipe(Argument.withDescription("Its position"), Argument.withSchema(Seq)), json },
  Effect.fnUntraced(
    function* ({ json, seq }) {
      const log = yield* EventLog
      const recorded = yield* log.line(seq)
      if (recorded === undefined) {
        const { first, last } = yield* log.head
        return yield* new CommandFailed({
          message: `there is no record ${seq}: the log goes from ${first} to ${last}`,
        })
      }
      if (isStray(recorded))
        return yield* Console.log(json ? printableJson(strayView(recorded), 2) : strayLine(recorded))
      if (json) return yield* Console.log(printableJson({ ...viewOf(recorded), ...recorded.record }, 2))
      const nameOf = yield* namer
      const causes = yield* Effect.forEach(yield* causesOf(recorded), (cause) =>
        Effect.map(nameOf(cause), ({ name }): Cause => [cause, name]),
      )
      yield* Console.log(linesOf(recorded, causes).join("\n"))
    },
    Effect.provide(logOnly.pipe(Layer.provide(SettingsLayer))),
  ),
).pipe(Command.withDescription("Print one record: who, what, when, and what led to it."))
