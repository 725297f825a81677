import Anthropic from "@anthropic-ai/sdk"
import { Context, Effect, Layer, Stream } from "effect"
import OpenAI from "openai"
import type { UsageRecord } from "../../src/domain/Usage.ts"
import { UsageLog } from "../../src/projections/UsageLog.ts"
import { until } from "./agents.ts"
import type { Identity } from "./certificates.ts"
import { makeCrew } from "./crew.ts"
import { ADMIN_TOKEN, type NodeServers, type RunningNode, startNode } from "./node.ts"
import { Rest } from "./rest.ts"
import { freshDatabase, freshNats } from "./servers.ts"
import { startUpstream, type Upstream } from "./upstream.ts"
import { usageLogOn } from "./usage.ts"

/** The name of the model for callers and for providers, and its price in USD per token. */
export const MODEL = "small"
export const NATIVE = "vendor/small-2"
export const COST = { input: 0.000001, output: 0.00001, cacheRead: 0.0000001, cacheWrite: 0.000002 }
export const PROVIDER_KEY = "sk-provider-0123456789abcdef"

const providerWith = (identity?: Identity) =>
  Effect.acquireRelease(
    Effect.promise(() => startUpstream(identity)),
    ({ close }) => Effect.promise(close),
  )

/** A provider on this machine, gone with the scope. */
export const startProvider = providerWith()
/** The same, asked over https. */
export const startSecureProvider = (identity: Identity) => providerWith(identity)

export const freshPlace = Effect.all({ nats: freshNats, databaseUrl: freshDatabase })

interface GatewayStart {
  readonly env?: Readonly<Record<string, string>>
  readonly folder?: string
}

/** A node whose gateway may ask these providers. Each backend is probed once, and then no more. */
export const startGateway = (
  place: NodeServers,
  providers: ReadonlyArray<Upstream>,
  { env = {}, ...more }: GatewayStart = {},
) =>
  startNode(place, {
    ...more,
    env: {
      CREWLOG_PRIVATE_UPSTREAMS: providers.map(({ host }) => host).join(","),
      CREWLOG_HEALTH_INTERVAL: "1 day",
      ...env,
    },
  })

/** The first admin's way into the gateway's admin interface. */
export const operatorOf = (node: RunningNode) => new Rest(node.gateway, ADMIN_TOKEN, "/api/admin")

const probesOf = ({ received }: Upstream) => received.filter(({ method }) => method === "GET").length

/** Registers a provider, and waits until it has been probed: what it is asked from then on is what callers ask. */
export const register = Effect.fnUntraced(function* (
  node: RunningNode,
  provider: Upstream,
  { model = MODEL, ...more }: { readonly model?: string; readonly [field: string]: unknown } = {},
) {
  const probes = probesOf(provider)
  const { body, status } = yield* operatorOf(node).post("/backends", {
    name: `${model} at ${provider.host}`,
    api_base_url: provider.url,
    api_key: PROVIDER_KEY,
    api: "openai-responses",
    rpm_limit: 1_000_000,
    model_mappings: { [model]: { native_id: NATIVE, cost: COST } },
    ...more,
  })
  if (status !== 201) throw new Error(`not registered: ${status} ${JSON.stringify(body)}`)
  yield* until("the first probe", () => probesOf(provider) > probes)
  return body as { readonly id: string; readonly name: string }
})

/** The official clients, as their own documentation sets them up; they ask once unless they are told to try again. */
export const openAi = ({ gateway }: RunningNode, token: string, maxRetries = 0) =>
  new OpenAI({ baseURL: `${gateway}/v1`, apiKey: token, maxRetries, logLevel: "off" })
export const anthropic = ({ gateway }: RunningNode, token: string, maxRetries = 0) =>
  new Anthropic({ baseURL: gateway, apiKey: token, maxRetries, logLevel: "off" })

/** The usage that was metered on these servers: every record, once, as it comes. */
export class Metered {
  readonly records = new Map<string, UsageRecord>()
  readonly #waiting = new Set<() => void>()

  add(records: ReadonlyArray<UsageRecord>): void {
    for (const record of records) this.records.set(record.id, record)
    for (const look of this.#waiting) look()
  }

  /** Resolves with the first that is it, be it there or to come. */
  async find(isIt: (record: UsageRecord) => boolean): Promise<UsageRecord> {
    for (;;) {
      const found = [...this.records.values()].find(isIt)
      if (found !== undefined) return found
      await new Promise<void>((resolve) => this.#waiting.add(resolve))
      this.#waiting.clear()
    }
  }

  /** Of the request that was answered with this `x-request-id`. */
  of = (requestId: string | null | undefined) => this.find(({ id }) => id === requestId)

  /** Resolves once there are as many. */
  async count(count: number): Promise<ReadonlyArray<UsageRecord>> {
    await this.find(() => this.records.size >= count)
    return [...this.records.values()]
  }
}

export const watchUsage = Effect.fnUntraced(function* ({ nats }: NodeServers) {
  const metered = new Metered()
  const { follow } = yield* Effect.provide(UsageLog, yield* Layer.build(usageLogOn(nats)))
  yield* follow(0).pipe(
    Stream.runForEach(({ records }) => Effect.sync(() => metered.add(records))),
    Effect.orDie,
    Effect.forkScoped,
  )
  return metered
})

/** A node with one provider behind its gateway, and two members, for the tests of a file. */
export class GatewayCrew extends Context.Service<
  GatewayCrew,
  {
    readonly place: NodeServers
    readonly node: RunningNode
    readonly provider: Upstream
    readonly operator: Rest
    readonly metered: Metered
    readonly tokens: { readonly ada: string; readonly bob: string }
  }
>()("test/support/GatewayCrew") {
  static readonly layer = Layer.effect(
    GatewayCrew,
    Effect.gen(function* () {
      const place = yield* freshPlace
      const provider = yield* startProvider
      // Nobody waits in vain for longer than a test takes, and the emergency lane is for its own tests.
      const env = {
        CREWLOG_QUEUE_WAIT: "300 millis",
        CREWLOG_COOLDOWN_BASE: "1 second",
        CREWLOG_EMERGENCY_FRACTION: "0",
      }
      const node = yield* startGateway(place, [provider], { env })
      const { tokens } = yield* makeCrew(node, ["ada", "bob"])
      yield* register(node, provider)
      return GatewayCrew.of({
        place,
        node,
        provider,
        operator: operatorOf(node),
        metered: yield* watchUsage(place),
        tokens: { ada: tokens[0]!, bob: tokens[1]! },
      })
    }).pipe(Effect.orDie),
  )
}

/** A test of this crew in plain promises, as callers of the clients write. */
export const withCrew = (test: (crew: GatewayCrew["Service"]) => Promise<void>) =>
  Effect.flatMap(GatewayCrew, (crew) => Effect.promise(() => test(crew)))
