import { Console, Effect, Option, Redacted } from "effect"
import { existsSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import { Settings } from "../../config.ts"
import { EventLog } from "../../domain/EventLog.ts"
import { Projected } from "../../projections/Projected.ts"
import { GatewayServer } from "../http/gateway/GatewayServer.ts"
import { MetricsServer } from "../http/gateway/MetricsServer.ts"
import { HttpServer } from "../http/HttpServer.ts"
import { collectGarbage } from "./collectGarbage.ts"
import { databaseThere } from "./databaseThere.ts"
import { DataFolder, type Whereabouts } from "./DataFolder.ts"
import { Servers } from "./Servers.ts"

const TELL_EVERY = "2 seconds"

/** Waits, telling how it goes, until the read model is at the head that the log has now. */
const ready = Effect.gen(function* () {
  const log = yield* EventLog
  const projected = yield* Projected
  const { last } = yield* log.head
  while (!(yield* projected.reached(last, TELL_EVERY))) {
    yield* Effect.logInfo(`not ready yet: the read model is at ${yield* projected.current} of ${last}`)
  }
})

/** Once the program is ready: says where everything is, to tools by runtime.json and to people in words. */
export const arrive = Effect.gen(function* () {
  yield* databaseThere
  yield* ready
  const { announce, path } = yield* DataFolder
  const { databaseUrl, nats } = yield* Servers
  const { roles } = yield* Settings
  const doors: Doors = {
    ...urlOf("http", yield* Effect.serviceOption(HttpServer)),
    ...urlOf("gateway", yield* Effect.serviceOption(GatewayServer)),
    ...urlOf("metrics", yield* Effect.serviceOption(MetricsServer)),
    ...(roles.has("nats") ? { agents: Redacted.value(nats.backend).url } : {}),
  }
  yield* collectGarbage
  yield* announce({ ...doors, nats: nats.url, postgres: databaseUrl })
  yield* Console.log(banner(path, doors))
})

/** The last line of a node that was stopped. */
export const farewell = Effect.flatMap(Settings, ({ dataFolder, natsUrl }) =>
  Console.log(
    `Crewlog has stopped.${Option.isNone(natsUrl) ? ` Everything is in ${resolve(dataFolder)}.` : ""}`,
  ),
)

type Doors = Pick<Whereabouts, "http" | "gateway" | "metrics" | "agents">

const urlOf = (name: keyof Doors, door: Option.Option<{ readonly url: string }>): Doors =>
  Option.match(door, { onNone: () => ({}), onSome: ({ url }) => ({ [name]: url }) })

const elsewhere = "not here (CREWLOG_ROLES)"

const isInCheckout = (folder: string): boolean =>
  existsSync(join(folder, ".git")) || (dirname(folder) !== folder && isInCheckout(dirname(folder)))

/** The danger of a folder within a checkout, said where it is in one. */
const warningOf = (folder: string) =>
  isInCheckout(folder)
    ? `
                       \`git clean -x\` would take it: in earnest set CREWLOG_DATA to a folder elsewhere`
    : ""

const banner = (folder: string, { agents, gateway, http, metrics }: Doors) => {
  if (http === undefined) {
    const others = Object.entries({ gateway, metrics, agents }).flatMap(([name, url]) =>
      url === undefined ? [] : [`${name} ${url}`],
    )
    return `Crewlog runs, without its REST door (CREWLOG_ROLES). ${others.join(", ")}`
  }
  const file = join(folder, "admin-token")
  const isHere = existsSync(file)
  return `
Crewlog is ready.

  REST and WebSocket   ${http}/api/v1   ${http.replace("http", "ws")}/ws
  documentation        ${http}/docs     what else there is: ${http}/
  agents on NATS       ${agents ?? elsewhere}     ${http}/asyncapi.json
  provider gateway     ${gateway === undefined ? elsewhere : `${gateway}/v1   ${gateway}/docs`}
  metrics              ${metrics === undefined ? elsewhere : `${metrics}/metrics`}
  admin's token        ${isHere ? file : "not in this data folder: as set, or at the first node"}
  everything it keeps  ${folder}${warningOf(folder)}

Try:  curl -H "Authorization: Bearer ${isHere ? `$(cat ${file})` : "<token>"}" ${http}/api/v1/me
Next: the five minutes in README.md. Stop with Ctrl-C.
`
}
