import { Effect, Layer, Option, Redacted } from "effect"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { Nats } from "../adapters/nats/Connection.ts"
import { layer as NatsEventLog } from "../adapters/nats/EventLog.ts"
import { layer as DigestLayer } from "../adapters/node/Digest.ts"
import { DataFolder, layer as DataFolderLayer } from "../adapters/runtime/DataFolder.ts"
import { layer as ServersLayer, Servers } from "../adapters/runtime/Servers.ts"
import { Settings } from "../config.ts"
import { CommandFailed } from "./CommandFailed.ts"
import { dataFolder, runningServer } from "./RunningServer.ts"

/** The schema of the live read model. */
const LIVE = "crewlog"

/** Stands for a database that nobody is going to ask, so that none is started. */
export const NO_DATABASE = Redacted.make("postgres://nobody.invalid")

/**
 * NATS and PostgreSQL: those that NATS_URL and DATABASE_URL name, else those of the server that runs on the data
 * folder, else embedded ones on it, for as long as the command takes.
 */
export const servers = ({ withPostgres }: { readonly withPostgres: boolean }) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const settings = yield* Settings
      const path = yield* dataFolder
      const isSet = Option.isSome(settings.natsUrl) && (Option.isSome(settings.databaseUrl) || !withPostgres)
      const running = isSet ? Option.none() : yield* runningServer
      const natsUrl = Option.orElse(settings.natsUrl, () => Option.map(running, ({ nats }) => nats))
      const databaseUrl = withPostgres
        ? Option.orElse(settings.databaseUrl, () => Option.map(running, ({ postgres }) => postgres))
        : Option.some(NO_DATABASE)
      if (Option.isNone(natsUrl) && !existsSync(join(path, "nats"))) {
        return yield* new CommandFailed({
          message: `there is no log in ${path}, and no server runs on it. Name another folder with --data, or set NATS_URL.`,
        })
      }
      const isOutside = Option.isSome(natsUrl) && Option.isSome(databaseUrl)
      const folder = isOutside
        ? Layer.succeed(DataFolder, { path, announce: () => Effect.void })
        : DataFolderLayer
      return ServersLayer.pipe(
        Layer.provide(folder),
        Layer.provide(Layer.succeed(Settings, { ...settings, natsUrl, databaseUrl })),
      )
    }),
  )

/** The log, over the NATS of `Servers`. */
const log = Layer.unwrap(
  Effect.map(Servers, ({ nats }) =>
    NatsEventLog.pipe(Layer.provide(Nats.layer(Redacted.value(nats.backend), "crewlog-cli"))),
  ),
)

/** Log and digest, for commands that need no PostgreSQL. */
export const logOnly = Layer.merge(log.pipe(Layer.provide(servers({ withPostgres: false }))), DigestLayer)

/** Log, digest and where both servers are, for commands that also ask PostgreSQL. */
export const logAndServers = Layer.merge(log, DigestLayer).pipe(
  Layer.provideMerge(servers({ withPostgres: true })),
)

/** The place of the live read model. */
export const liveSchema = Effect.map(Servers, ({ databaseUrl: url }) => ({ url, schema: LIVE }))
