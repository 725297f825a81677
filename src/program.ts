import { Effect, Layer, Redacted, References } from "effect"
import { AsideGauges } from "./adapters/http/gateway/asideGauges.ts"
import { Gauges } from "./adapters/http/gateway/gauges.ts"
import * as GatewaySnapshots from "./adapters/http/gateway/GatewaySnapshots.ts"
import { GatewayServer } from "./adapters/http/gateway/GatewayServer.ts"
import { MetricsServer } from "./adapters/http/gateway/MetricsServer.ts"
import { HttpServer } from "./adapters/http/HttpServer.ts"
import { Callers } from "./adapters/llm/metering/Callers.ts"
import { KeyRing } from "./adapters/llm/keys/KeyRing.ts"
import { Meter } from "./adapters/llm/metering/Meter.ts"
import { ProxyHandler } from "./adapters/llm/proxy/ProxyHandler.ts"
import * as UpstreamRules from "./adapters/llm/proxy/UpstreamRules.ts"
import * as Routing from "./adapters/llm/Routing.ts"
import { Spending } from "./gateway/metering/Spending.ts"
import * as Announcements from "./adapters/nats/Announcements.ts"
import * as CommandApi from "./adapters/nats/CommandApi.ts"
import { isCallable } from "./adapters/nats/agentCalls.ts"
import { Nats } from "./adapters/nats/Connection.ts"
import * as NatsEventLog from "./adapters/nats/EventLog.ts"
import * as GatewayNodes from "./adapters/nats/GatewayNodes.ts"
import * as KeyVault from "./adapters/nats/KeyVault.ts"
import * as LogClock from "./adapters/nats/LogClock.ts"
import * as Signals from "./adapters/nats/Signals.ts"
import * as UsageLog from "./adapters/nats/UsageLog.ts"
import { loginTrial } from "./adapters/nats/loginTrial.ts"
import { checkOutsideServers } from "./adapters/nats/outsideServers.ts"
import { prepareStreams } from "./adapters/nats/streams.ts"
import * as Digest from "./adapters/node/Digest.ts"
import * as Tokens from "./adapters/node/Tokens.ts"
import * as Database from "./adapters/postgres/Database.ts"
import * as ReadModel from "./adapters/postgres/ReadModel.ts"
import * as Receipts from "./adapters/postgres/Receipts.ts"
import * as UsageReads from "./adapters/postgres/usageReads.ts"
import * as SetAside from "./adapters/postgres/SetAside.ts"
import * as Store from "./adapters/postgres/Store.ts"
import { arrive, farewell } from "./adapters/runtime/arrive.ts"
import * as DataFolder from "./adapters/runtime/DataFolder.ts"
import * as FirstStart from "./adapters/runtime/FirstStart.ts"
import * as PortsFree from "./adapters/runtime/PortsFree.ts"
import * as Readiness from "./adapters/runtime/Readiness.ts"
import * as Secrets from "./adapters/runtime/Secrets.ts"
import * as Servers from "./adapters/runtime/Servers.ts"
import * as Soundness from "./adapters/runtime/Soundness.ts"
import { Workers } from "./adapters/runtime/Workers.ts"
import { GenAiSpans } from "./adapters/telemetry/GenAiSpans.ts"
import * as Logging from "./adapters/telemetry/Logging.ts"
import { Metrics } from "./adapters/telemetry/Metrics.ts"
import { ReactionMetrics } from "./adapters/telemetry/ReactionMetrics.ts"
import * as Tracing from "./adapters/telemetry/Tracing.ts"
import * as WebSockets from "./adapters/ws/WebSockets.ts"
import { Allowances } from "./commands/Allowances.ts"
import { Backends } from "./commands/Backends.ts"
import { Chats } from "./commands/Chats.ts"
import { Claims } from "./commands/Claims.ts"
import { Dispatcher } from "./commands/dispatch.ts"
import { Gateway } from "./commands/Gateway.ts"
import { Heartbeats } from "./commands/Heartbeats.ts"
import { Limits } from "./commands/Limits.ts"
import { Members } from "./commands/Members.ts"
import { People } from "./commands/People.ts"
import { Presence } from "./commands/Presence.ts"
import { Projects } from "./commands/Projects.ts"
import { LaneFigures } from "./commands/reactions/LaneFigures.ts"
import { sweepers } from "./commands/reactions/sweepers.ts"
import { Tasks } from "./commands/Tasks.ts"
import { Settings } from "./config.ts"
import { Entrance } from "./operations/Entrance.ts"
import { crewOperations, gatewayOperations } from "./operations/operations.ts"
import { Fleet } from "./projections/Fleet.ts"
import { Projected } from "./projections/Projected.ts"
import { projector } from "./projections/Projector.ts"
import { lastSeenProjector } from "./projections/LastSeen.ts"
import { Roster } from "./projections/Roster.ts"
import { usageProjector } from "./projections/UsageProjector.ts"

/** The schema of the live read model. */
export const LIVE = "crewlog"

const NatsLive = Layer.unwrap(
  Effect.gen(function* () {
    const { embedded, nats } = yield* Servers.Servers
    const settings = yield* Settings
    const { replicas } = settings
    if (!embedded.nats) yield* checkOutsideServers(Redacted.value(nats.setup), settings)
    yield* prepareStreams(Redacted.value(nats.setup), replicas)
    return Nats.layer(Redacted.value(nats.backend))
  }),
)

const DatabaseLive = Layer.unwrap(
  Effect.map(Servers.Servers, ({ databaseUrl }) => Database.layer({ url: databaseUrl, schema: LIVE })),
)

const TokensLive = Layer.unwrap(
  Effect.map(Secrets.Secrets, ({ sealingKeys: [first, ...others] }) =>
    Tokens.layer([Redacted.value(first.bytes), ...others.map(({ bytes }) => Redacted.value(bytes))]),
  ),
)

const KeyVaultLive = Layer.unwrap(
  Effect.map(Secrets.Secrets, ({ sealingKeys }) => KeyVault.layer(sealingKeys)),
)

const Log = Layer.mergeAll(
  NatsEventLog.layer,
  Signals.layer,
  UsageLog.layer,
  Announcements.layer,
  KeyVaultLive,
).pipe(Layer.provideMerge(LogClock.layer), Layer.provideMerge(NatsLive))
const Tables = Layer.mergeAll(
  ReadModel.layer,
  UsageReads.layer,
  Receipts.layer,
  SetAside.layer,
  Store.layer,
).pipe(Layer.provideMerge(DatabaseLive))

/** Begins to listen for other gateway nodes while the rest still starts: who is there takes a second to know. */
const Neighbours = Layer.unwrap(
  Effect.map(Settings, ({ roles }) => (roles.has("gateway") ? GatewayNodes.layer : Layer.empty)),
)

const Reading = Layer.mergeAll(Roster.layer, Fleet.layer, Projected.layer)

const Commands = Layer.mergeAll(
  Tasks.layer,
  Projects.layer,
  Members.layer,
  Chats.layer,
  Heartbeats.layer,
  Backends.layer,
  Gateway.layer,
  Allowances.layer,
).pipe(Layer.provideMerge(Layer.mergeAll(People.layer, Claims.layer, Presence.layer, Limits.layer)))

/** The work that one of all nodes does at a time. */
const Work = Layer.effectDiscard(
  Effect.gen(function* () {
    const { roles } = yield* Settings
    const workers = yield* Workers
    if (roles.has("projector")) {
      yield* workers.start("the projector", projector)
      yield* workers.start("the projector of signals", lastSeenProjector)
      yield* workers.start("the projector of usage", usageProjector)
    }
    if (roles.has("reactor")) yield* workers.start("the sweepers", sweepers)
  }),
)

const Doors = Layer.unwrap(
  Effect.map(Settings, ({ roles }) => {
    if (!roles.has("http")) return Layer.empty
    return roles.has("ws") ? WebSockets.layer.pipe(Layer.provideMerge(HttpServer.layer)) : HttpServer.layer
  }),
)

/** The door for agents on NATS. */
const Agents = Layer.unwrap(
  Effect.gen(function* () {
    const { logLevel, roles } = yield* Settings
    const { adminToken, natsIssuer } = yield* Secrets.Secrets
    const { embedded, nats } = yield* Servers.Servers
    if (!roles.has("nats")) return Layer.empty
    const trial = loginTrial(Redacted.value(nats.backend).url, adminToken)
    const quiet = embedded.nats && logLevel === "Info" ? "Warn" : logLevel
    return Layer.effectDiscard(Effect.forkScoped(trial)).pipe(
      Layer.provideMerge(
        Layer.merge(
          CommandApi.operationsLayer(crewOperations.filter(isCallable)),
          CommandApi.entranceLayer(natsIssuer),
        ),
      ),
      // Of a nats-server of our own nobody has to be told that it works.
      Layer.provide(Layer.succeed(References.MinimumLogLevel, quiet)),
    )
  }),
)

/** The provider gateway's operations for agents on NATS. */
const GatewayAgents = Layer.unwrap(
  Effect.map(Settings, ({ roles }) =>
    roles.has("nats") ? CommandApi.operationsLayer(gatewayOperations.filter(isCallable)) : Layer.empty,
  ),
)

/** The doors of the provider gateway. The proxy goes before the meter: what is cut off at the end is still metered. */
const Providers = Layer.unwrap(
  Effect.map(Settings, ({ roles }) =>
    roles.has("gateway")
      ? Layer.mergeAll(
          GatewayServer.layer,
          MetricsServer.layer,
          Gauges,
          AsideGauges,
          ReactionMetrics,
          GatewayAgents,
        ).pipe(
          Layer.provide(ProxyHandler.layer),
          Layer.provide([GatewaySnapshots.layer, UpstreamRules.layer]),
          Layer.provide(Routing.layer),
          Layer.provide(Layer.mergeAll(Meter.layer, Callers.layer)),
          Layer.provide([Spending.layer, KeyRing.layer, GenAiSpans.layer]),
          Layer.provide(Metrics.layer),
          Layer.provide(GatewayNodes.layer),
        )
      : Layer.empty,
  ),
)

// Who asks the REST door whether the program is ready may go to the other doors then.
const Program = Layer.mergeAll(Doors, Agents).pipe(
  Layer.provideMerge(Providers),
  Layer.provideMerge(Readiness.layer),
  Layer.provideMerge(Work),
  Layer.provideMerge(Layer.merge(Entrance.layer, CommandApi.Endpoints.layer)),
  // Before it the doors close, after it all that attempts need: those under way may finish.
  Layer.provideMerge(LaneFigures.layer),
  Layer.provideMerge(Commands),
  Layer.provideMerge(Reading),
  Layer.provideMerge(FirstStart.layer),
  Layer.provideMerge(Soundness.layer),
  Layer.provideMerge(Dispatcher.layer),
  Layer.provideMerge(Tables),
  Layer.provideMerge(Neighbours),
  Layer.provideMerge(Log),
  Layer.provideMerge(Layer.mergeAll(Digest.layer, TokensLive, Workers.layer)),
  Layer.provideMerge(Servers.layer),
  Layer.provideMerge(Secrets.layer),
  Layer.provideMerge(DataFolder.layer),
  Layer.provideMerge(PortsFree.layer),
  Layer.provideMerge(Layer.mergeAll(Logging.layer, Tracing.layer)),
)

/** Runs a node until it is interrupted, or until a part of it fails that it can't do without. */
export const serve = Effect.gen(function* () {
  const { failed } = yield* Workers
  yield* Effect.raceFirst(arrive, failed)
  return yield* failed
}).pipe(
  Effect.provide(Program),
  Effect.onInterrupt(() => farewell),
)
