import { Console, Effect, Option, Redacted, Schema } from "effect"
import { Command } from "effect/cli"
import { styleText } from "node:util"
import { EventLog } from "../domain/EventLog.ts"
import { AnswerIsNo } from "./CommandFailed.ts"
import { liveSchema, logOnly, servers } from "./connected.ts"
import { json } from "./flags.ts"
import { printable, printableJson } from "./printable.ts"
import { request } from "./requests.ts"
import { dataFolder, type RunningServer, runningServer } from "./RunningServer.ts"
import { SettingsLayer } from "./settings.ts"
import { tablesNow } from "./verify/TablesNow.ts"

const ANSWER_WITHIN = "5 seconds"

const Check = Schema.Struct({ name: Schema.String, ok: Schema.Boolean, detail: Schema.String })
const isHealth = Schema.is(Schema.Struct({ checks: Schema.Array(Check) }))

/** The output of `crewlog status --json`. Urls are without their credentials. */
interface Status {
  readonly folder: string
  readonly running: boolean
  readonly ready: boolean
  readonly pid: number | null
  readonly places: Readonly<Record<string, string>>
  /** The last record's position, and the one that the read model is the state of; null where they can't be asked. */
  readonly log: number | null
  readonly readModel: number | null
  readonly checks: ReadonlyArray<typeof Check.Type>
}

const withoutCredentials = (url: string): string => url.replaceAll(/\/\/[^@/]*@/g, "//")

const placesOf = ({ gateway, http, metrics, nats, postgres }: RunningServer) => ({
  ...(http === undefined ? {} : { http }),
  ...(gateway === undefined ? {} : { gateway }),
  ...(metrics === undefined ? {} : { metrics }),
  nats: withoutCredentials(Redacted.value(nats)),
  postgres: withoutCredentials(Redacted.value(postgres)),
})

const readiness = Effect.fnUntraced(
  function* (http: string) {
    const { body, status } = yield* request(new URL("/readyz?verbose", http).href, { method: "GET" })
    return { ready: status === 200, checks: isHealth(body) ? body.checks : [] }
  },
  Effect.catchTag("CommandFailed", ({ message: detail }) =>
    Effect.succeed({ ready: false, checks: [{ name: "http", ok: false, detail }] }),
  ),
)

const orNull = <Failure, Requirements>(
  question: Effect.Effect<number, Failure, Requirements>,
): Effect.Effect<number | null, never, Requirements> =>
  question.pipe(
    Effect.timeout(ANSWER_WITHIN),
    Effect.orElseSucceed(() => null),
  )

const logPosition = orNull(
  Effect.flatMap(EventLog, ({ head }) => Effect.map(head, ({ last }) => last)).pipe(Effect.provide(logOnly)),
)

const readModelPosition = orNull(
  liveSchema.pipe(
    Effect.flatMap((place) =>
      Effect.scoped(Effect.map(tablesNow(place), ({ checkpoint }) => checkpoint?.seq ?? 0)),
    ),
    Effect.provide(servers({ withPostgres: true })),
  ),
)

const statusNow = Effect.gen(function* () {
  const folder = yield* dataFolder
  const running = yield* runningServer
  if (Option.isNone(running)) {
    const nothing = { pid: null, places: {}, log: null, readModel: null, checks: [] }
    return { folder, running: false, ready: false, ...nothing }
  }
  const { http, pid } = running.value
  const health = http === undefined ? { ready: true, checks: [] } : yield* readiness(http)
  // In this order, a busy log does not make the read model look as if it were behind.
  const log = yield* logPosition
  const readModel = yield* readModelPosition
  return { folder, running: true, pid, places: placesOf(running.value), log, readModel, ...health }
})

const lagOf = ({ log, readModel }: Status): string => {
  const position = (seq: number | null) => (seq === null ? "away" : `at ${seq}`)
  const behind = log === null || readModel === null ? 0 : Math.max(0, log - readModel)
  return `  log ${position(log)}, read model ${position(readModel)}${behind === 0 ? "" : `, ${behind} behind`}`
}

const linesOf = (status: Status): ReadonlyArray<string> => {
  const { checks, folder, pid, places, ready, running } = status
  return running
    ? [
        `${ready ? styleText("green", "ready") : styleText("red", "not ready")}, process ${pid} on ${folder}`,
        ...Object.entries(places).map(([name, url]) => `  ${name.padEnd(10)}${url}`),
        lagOf(status),
        ...checks.map(
          ({ detail, name, ok }) =>
            `  ${ok ? "ok     " : styleText("red", "NOT OK ")}   ${name}: ${printable(detail)}`,
        ),
      ]
    : [`no server runs on ${folder}`]
}

export const status = Command.make(
  "status",
  { json },
  Effect.fnUntraced(function* ({ json }) {
    const status: Status = yield* statusNow
    yield* Console.log(json ? printableJson(status, 2) : linesOf(status).join("\n"))
    if (!status.ready) return yield* new AnswerIsNo()
  }, Effect.provide(SettingsLayer)),
).pipe(
  Command.withDescription(
    "Say what runs where, and whether it is ready (exit code 0) or not (1). Starts nothing.",
  ),
  Command.withShortDescription("Say what runs where, and whether it is ready"),
)
