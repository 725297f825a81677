import { Console, Effect, Layer, Option, Redacted } from "effect"
import { Command, Flag } from "effect/cli"
import { styleText } from "node:util"
import { Settings } from "../../config.ts"
import { AnswerIsNo, WrongUsage } from "../CommandFailed.ts"
import { liveSchema, logAndServers } from "../connected.ts"
import { json } from "../flags.ts"
import { printableJson } from "../printable.ts"
import { progressBar } from "../Progress.ts"
import { runningServer } from "../RunningServer.ts"
import { SettingsLayer } from "../settings.ts"
import { MOMENT, positionOf } from "./moment.ts"
import { type Replayed, replayInto } from "./replayInto.ts"

const to = Flag.String("to").pipe(Flag.withMetavar("moment"), Flag.withDescription(MOMENT))
const schema = Flag.String("schema").pipe(
  Flag.withMetavar("name"),
  Flag.withDescription("Where to: a schema of PostgreSQL that is not there yet"),
)
const replace = Flag.Boolean("replace").pipe(
  Flag.withDescription("Instead of an earlier replay in this schema"),
  Flag.withDefault(false),
)

const NAME = /^[a-z_][a-z0-9_]{0,40}$/
/** The schemas that belong to the live read model or to PostgreSQL. */
const RESERVED = /^(crewlog(_next|_old)?|public|information_schema|pg_.*)$/

const fitName = (name: string) =>
  NAME.test(name) && !RESERVED.test(name)
    ? Effect.succeed(name)
    : new WrongUsage({
        message:
          `${name} can't be the name of a replay's schema. Take one of a-z, 0-9 and _, ` +
          "not the live one's and none of PostgreSQL's.",
      })

/** The words for where SQL can be asked: the login is in them only where it is this machine's alone. */
const placeOf = Effect.gen(function* () {
  const { databaseUrl } = yield* Settings
  if (Option.isSome(databaseUrl)) return "at DATABASE_URL"
  const running = yield* runningServer
  return Option.isSome(running)
    ? `at ${Redacted.value(running.value.postgres)}`
    : "while a server runs on the data folder (its runtime.json has the url as postgres)"
})

const isEqual = ({ live }: Replayed) => live?.every(({ same }) => same)

const linesOf = (replayed: Replayed, place: string): ReadonlyArray<string> => {
  const { schema, seq, tables } = replayed
  const width = Math.max(...tables.map(({ table }) => table.length))
  const rows = Math.max(...tables.map(({ rows }) => String(rows).length))
  const same = isEqual(replayed)
  return [
    ...tables.map(
      (one) =>
        `  ${one.table.padEnd(width)}  ${String(one.rows).padStart(rows)} rows  ${styleText("dim", one.hash)}`,
    ),
    `The read model as of record ${seq} is in the schema ${schema}.`,
    same === undefined
      ? `The live one is of another position, so the two were not compared.`
      : same
        ? styleText("green", "It is equal to the live one.")
        : styleText("red", "It DIFFERS from the live one. See crewlog verify."),
    `Look at it ${place}:`,
    `  select key, status, assignee_slug, title from ${schema}.task order by key;`,
    `  drop schema ${schema} cascade;`,
  ]
}

export const replay = Command.make(
  "replay",
  { to, schema, replace, json },
  Effect.fnUntraced(function* ({ json, replace, schema, to }) {
    const name = yield* fitName(schema)
    const replayed = yield* Effect.gen(function* () {
      const seq = yield* positionOf(to)
      const progress = yield* progressBar("replaying")
      return yield* replayInto(yield* liveSchema, name, seq, { replace, progress })
    }).pipe(Effect.scoped, Effect.provide(logAndServers.pipe(Layer.provide(SettingsLayer))))
    const { live = null, ...others } = replayed
    yield* Console.log(
      json ? printableJson({ ...others, live }) : linesOf(replayed, yield* placeOf).join("\n"),
    )
    if (isEqual(replayed) === false) return yield* new AnswerIsNo()
  }, Effect.provide(SettingsLayer)),
).pipe(
  Command.withDescription(
    "Make the whole read model of a moment from the log, in a schema of its own, for SQL. The hashes are those " +
      "that rebuild prints: equal for equal tables. The exit code is 1 if the live tables are of the same " +
      "position and differ.",
  ),
  Command.withShortDescription("Make the read model of then, for SQL"),
  Command.withExamples([
    { command: "crewlog log replay --to 120 --schema before_lunch", description: "As of record 120" },
  ]),
)
