import { Effect, Layer } from "effect"
import type { ServerResponse } from "node:http"
import { Gauges } from "../../../../src/adapters/http/gateway/gauges.ts"
import * as GatewaySnapshots from "../../../../src/adapters/http/gateway/GatewaySnapshots.ts"
import { GatewayServer } from "../../../../src/adapters/http/gateway/GatewayServer.ts"
import { MetricsServer } from "../../../../src/adapters/http/gateway/MetricsServer.ts"
import { ProxyHandler } from "../../../../src/adapters/llm/proxy/ProxyHandler.ts"
import * as UpstreamRules from "../../../../src/adapters/llm/proxy/UpstreamRules.ts"
import { RouterStatus } from "../../../../src/gateway/routing/RouterStatus.ts"
import { layer as MemoryLog } from "../../../../src/adapters/memory/EventLog.ts"
import { layer as memoryVault } from "../../../../src/adapters/memory/KeyVault.ts"
import { Metrics } from "../../../../src/adapters/telemetry/Metrics.ts"
import { Allowances } from "../../../../src/commands/Allowances.ts"
import { Backends } from "../../../../src/commands/Backends.ts"
import { Gateway } from "../../../../src/commands/Gateway.ts"
import { Heartbeats } from "../../../../src/commands/Heartbeats.ts"
import { Dispatcher } from "../../../../src/commands/dispatch.ts"
import { enrolAdmin, openLobby } from "../../../../src/commands/firstStart.ts"
import { memberId } from "../../../../src/commands/identify.ts"
import { Members } from "../../../../src/commands/Members.ts"
import { Tokens } from "../../../../src/commands/Tokens.ts"
import { Digest } from "../../../../src/domain/Digest.ts"
import { firstAdmin, Member } from "../../../../src/domain/Member.ts"
import { Entrance } from "../../../../src/operations/Entrance.ts"
import { Fleet } from "../../../../src/projections/Fleet.ts"
import { ReadModelUnavailable } from "../../../../src/projections/ReadModel.ts"
import { Roster } from "../../../../src/projections/Roster.ts"
import { UsageReads } from "../../../../src/projections/UsageReads.ts"
import { envelope } from "../../../support/commands.ts"
import { sealingKey } from "../../../support/keys.ts"
import { type Asked, requestAt } from "../client.ts"
import { ADMIN_TOKEN, Commands, NoReadModel, settingsWith } from "../door.ts"

const away = Effect.fail(new ReadModelUnavailable({ reason: "PostgreSQL is away" }))
const NoUsage = Layer.succeed(UsageReads, {
  total: () => away,
  hourly: () => away,
  daily: () => away,
  members: () => away,
  tasks: () => away,
  cooldowns: () => away,
})

/**
 * The requests that the proxy has been given, for tests of the door around it: it begins a stream and leaves
 * its end to the test.
 */
export const streams: Array<ServerResponse> = []
const BeginsStreams = Layer.succeed(ProxyHandler, {
  handle: (_request, response) => {
    streams.push(response)
    response.writeHead(200, { "content-type": "text/event-stream" }).write("data: begun\n\n")
  },
})

const Surroundings = Layer.mergeAll(
  Layer.succeed(Heartbeats, { seen: () => Effect.void, beat: () => Effect.void, gone: () => Effect.void }),
  Layer.succeed(RouterStatus, {
    snapshot: () => ({ inFlight: 2, queueDepth: 3, backends: new Map() }),
  }),
  BeginsStreams,
)

const FirstAdmin = Layer.effectDiscard(
  Effect.gen(function* () {
    const tokens = yield* Tokens
    yield* openLobby()
    yield* enrolAdmin(tokens.hash(ADMIN_TOKEN))
    const id = memberId(yield* Digest, firstAdmin)
    const { seq } = yield* (yield* Dispatcher).load(Member, id)
    yield* (yield* Roster).caughtUp(id, seq)
  }),
)

const Administration = Layer.mergeAll(Backends.layer, Gateway.layer, Allowances.layer, Metrics.layer).pipe(
  Layer.provideMerge(Fleet.layer),
)

const ports = { CREWLOG_GATEWAY_PORT: "0", CREWLOG_METRICS_PORT: "0" }
const settings = (env: Record<string, string>) =>
  settingsWith({ ...ports, CREWLOG_READ_WAIT: "5 seconds", ...env })

/** Both doors of the gateway and its commands, on whatever log, vault and tables are provided. */
export const gatewayOn = (env: Record<string, string> = {}) =>
  Layer.mergeAll(GatewayServer.layer, MetricsServer.layer, Gauges).pipe(
    Layer.provide([GatewaySnapshots.layer, UpstreamRules.layer]),
    Layer.provideMerge([FirstAdmin, Entrance.layer]),
    Layer.provideMerge(Administration),
    Layer.provideMerge(Commands),
    Layer.provideMerge(Surroundings),
    Layer.provideMerge(settings(env)),
  )

/** The same in memory, without a read model. */
export const gateway = (env: Record<string, string> = {}) =>
  gatewayOn(env).pipe(
    Layer.provide(NoUsage),
    Layer.provideMerge(NoReadModel),
    Layer.provideMerge(memoryVault([sealingKey("test")])),
    Layer.provideMerge(MemoryLog),
  )

/** A request to the gateway's port. */
export const ask = (method: string, path: string, asked: Asked = {}) =>
  Effect.flatMap(GatewayServer, ({ url }) => requestAt(url, method, path, asked))

/** The same as the first admin, below `/api/admin`. */
export const admin = (method: string, path: string, body?: unknown, asked: Asked = {}) =>
  ask(method, `/api/admin${path}`, { token: ADMIN_TOKEN, body, ...asked })

export const KEY = "sk-provider-0123456789abcdef"

/** A new backend, as the answer shows it. */
export const newBackend = Effect.fnUntraced(function* (more: object = {}, asked: Asked = {}) {
  const body = { name: "one", api_base_url: "https://one.example/v1", api_key: KEY, ...more }
  const answer = yield* admin("POST", "/backends", body, asked)
  if (answer.status !== 201) throw new Error(JSON.stringify(answer.body))
  return answer.body
})

/** A member's token; by default one of an agent that is no admin. */
export const join = Effect.fnUntraced(function* (slug: string, role: "admin" | "member" = "member") {
  const members = yield* Members
  const { outcome, token } = yield* members.register(
    { name: slug, slug, type: "agent", role },
    envelope(`join ${slug}`),
  )
  const roster = yield* Roster
  if (outcome.state._tag === "Known") yield* roster.caughtUp(outcome.state.id, outcome.seq)
  return token
})
