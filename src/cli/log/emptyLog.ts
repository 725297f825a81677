import { Effect, Layer, Option, Redacted } from "effect"
import { Nats } from "../../adapters/nats/Connection.ts"
import { layer as NatsEventLog } from "../../adapters/nats/EventLog.ts"
import { prepareStreams } from "../../adapters/nats/streams.ts"
import { layer as DigestLayer } from "../../adapters/node/Digest.ts"
import { DataFolder, layer as DataFolderLayer } from "../../adapters/runtime/DataFolder.ts"
import { layer as ServersLayer, Servers } from "../../adapters/runtime/Servers.ts"
import { Settings } from "../../config.ts"
import { CommandFailed } from "../CommandFailed.ts"
import { NO_DATABASE } from "../connected.ts"
import { dataFolder, runningServer } from "../RunningServer.ts"

const NewServers = Layer.unwrap(
  Effect.gen(function* () {
    const settings = yield* Settings
    const path = yield* dataFolder
    const isOutside = Option.isSome(settings.natsUrl)
    if (!isOutside && Option.isSome(yield* runningServer)) {
      return yield* new CommandFailed({
        message: `a server runs on ${path}: its log is not empty. Stop it first.`,
      })
    }
    const folder = isOutside
      ? Layer.succeed(DataFolder, { path, announce: () => Effect.void })
      : DataFolderLayer
    return ServersLayer.pipe(
      Layer.provide(folder),
      Layer.provide(Layer.succeed(Settings, { ...settings, databaseUrl: Option.some(NO_DATABASE) })),
    )
  }),
)

/** A log that nothing may be on yet: its streams are made where there are none, as a server's first start does. */
export const emptyLog = Layer.unwrap(
  Effect.gen(function* () {
    const { nats } = yield* Servers
    const { replicas } = yield* Settings
    yield* prepareStreams(Redacted.value(nats.setup), replicas)
    return NatsEventLog.pipe(Layer.provideMerge(Nats.layer(Redacted.value(nats.backend), "crewlog-cli")))
  }),
).pipe(Layer.provide(NewServers), Layer.merge(DigestLayer))
