import { assert, describe, it } from "@effect/vitest"
import { Clock, Context, DateTime, Effect, Layer, Redacted, Stream } from "effect"
import { createServer } from "node:http"
import { GatewayNodes } from "../../../src/gateway/routing/GatewayNodes.ts"
import * as KeyRing from "../../../src/adapters/llm/keys/KeyRing.ts"
import type { Lease } from "../../../src/gateway/routing/Route.ts"
import { RouterStatus } from "../../../src/gateway/routing/RouterStatus.ts"
import { layer as RoutingLayer, Routing } from "../../../src/adapters/llm/Routing.ts"
import { layer as MemoryLog } from "../../../src/adapters/memory/EventLog.ts"
import { Backends } from "../../../src/commands/Backends.ts"
import type { UsageRecord } from "../../../src/domain/Usage.ts"
import { Fleet } from "../../../src/projections/Fleet.ts"
import { type UsageBatch, UsageLog } from "../../../src/projections/UsageLog.ts"
import { backendOf, GatewayCommands, KEY, MemoryVault, register } from "../../commands/gateways.ts"
import { by } from "../../commands/services.ts"
import { until } from "../../support/agents.ts"
import { eventually, usageOf } from "../../support/usage.ts"
import {
  completions,
  isLease,
  leaseOf,
  mappings,
  MODEL,
  ok,
  rateLimited,
} from "../../gateway/routing/place.ts"

const Crew = (env: Record<string, string> = {}) =>
  GatewayCommands(env).pipe(Layer.provideMerge(MemoryVault), Layer.provideMerge(MemoryLog))

/** A log of usage for the last minute, some of it twice. */
const usageLog = (records: ReadonlyArray<UsageRecord>) => {
  const batches: ReadonlyArray<UsageBatch> = records.map((record, index) => ({
    seq: index + 1,
    node: "before",
    number: index + 1,
    records: [record],
  }))
  return Layer.succeed(UsageLog, {
    follow: () => Stream.never,
    since: () => Stream.concat(Stream.fromIterable([...batches.slice(0, 2), ...batches]), Stream.never),
    newest: Effect.map(Clock.currentTimeMillis, (at) =>
      records.length === 0 ? undefined : { seq: records.length, at },
    ),
    head: Effect.die("nobody asks"),
  })
}

interface Nodes {
  count: number
  changed: () => void
}

/** A node's router on the crew's log, with a fleet and keys of its own. */
const nodeWith = (nodes: Nodes = { count: 1, changed: () => {} }, used: ReadonlyArray<UsageRecord> = []) =>
  Layer.build(
    RoutingLayer.pipe(
      Layer.provide([
        KeyRing.KeyRing.layer,
        usageLog(used),
        Layer.succeed(GatewayNodes, {
          count: () => nodes.count,
          isFirst: () => true,
          onChange: (listener) => {
            nodes.changed = listener
            return () => {}
          },
          settled: Effect.void,
        }),
      ]),
      Layer.provideMerge(Fleet.layer),
      Layer.fresh,
    ),
  ).pipe(
    Effect.map((context) => {
      const { router } = Context.get(context, Routing)
      const { snapshot } = Context.get(context, RouterStatus)
      return {
        next: () => router.begin({ model: MODEL, apis: completions }).next(),
        rpmLeft: (id: string) => snapshot().backends.get(id)?.rpmLeft ?? Number.NaN,
      }
    }),
  )

const mapped = { model_mappings: mappings(MODEL), rpm_limit: 60 }

const leaseWhen = (next: () => unknown, isIt: (lease: Lease) => boolean) =>
  until("such a lease", () => {
    const lease = next()
    if (!isLease(lease)) return false
    lease.settle({ kind: "caller" })
    return isIt(lease)
  })

describe("the routing of a node", () => {
  it.live("the routing of a node goes by what any node saw, and by the keys in the vault", () =>
    Effect.gen(function* () {
      const id = yield* register(mapped)
      const [one, other] = [yield* nodeWith(), yield* nodeWith()]
      yield* leaseWhen(other.next, ({ route }) => route.backend.id === id && route.key === KEY)
      const lease = leaseOf(one.next())
      lease.settle(rateLimited(500))
      // Not one of the emergency lane, which is there for all who can't be served.
      yield* until("a cooldown on the other node", () => {
        const next = other.next()
        if (isLease(next)) next.settle({ kind: "caller" })
        return !isLease(next) || next.lane === "emergency"
      })
      const [cooldown] = (yield* backendOf(id)).cooldowns
      assert.deepStrictEqual([cooldown?.strikes, cooldown?.reason], [1, "rate_limit"])
      const probe = yield* Effect.promise(async () => one.next())
      assert.isTrue(leaseOf(probe).isProbe)
      leaseOf(probe).settle(ok)
      yield* eventually(backendOf(id), ({ cooldowns }) => cooldowns.every(({ strikes }) => strikes === 0))
      yield* leaseWhen(other.next, ({ isProbe, lane }) => lane === "primary" && !isProbe)
      const key = Redacted.make("sk-another-9876543210")
      yield* (yield* Backends).rotateKey(id, key, by())
      yield* leaseWhen(other.next, ({ route }) => route.key === "sk-another-9876543210")
    }).pipe(Effect.provide(Crew({ CREWLOG_COOLDOWN_BASE: "100 millis" }))),
  )

  it.live(
    "the routing of a node begins with what is left of the last minute, and shares with nodes that come",
    () =>
      Effect.gen(function* () {
        const id = yield* register({ ...mapped, rpm_limit: 6 })
        const at = DateTime.formatIso(yield* DateTime.now)
        const failures = [{ backend: id, lane: "primary", error: "http_500" }] as const
        const nodes: Nodes = { count: 1, changed: () => {} }
        const { rpmLeft } = yield* nodeWith(nodes, [
          usageOf({ at, backend: id }),
          usageOf({ at, backend: null, failures }),
          usageOf({ at: "2026-01-01T00:00:00.000Z", backend: id }),
        ])
        assert.strictEqual(rpmLeft(id), 4)
        nodes.count = 3
        nodes.changed()
        assert.strictEqual(rpmLeft(id), 2)
      }).pipe(Effect.provide(Crew())),
  )

  it.live("brings what the health probe finds to the log", () =>
    Effect.gen(function* () {
      let status = 500
      const server = yield* Effect.acquireRelease(
        Effect.callback<ReturnType<typeof createServer>>((resume) => {
          const server = createServer((_, response) => void response.writeHead(status).end())
          server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
        }),
        (server) => Effect.sync(() => void server.close()),
      )
      const address = server.address()
      const host = `127.0.0.1:${typeof address === "object" ? address?.port : ""}`
      const env = { CREWLOG_PRIVATE_UPSTREAMS: host, CREWLOG_HEALTH_INTERVAL: "50 millis" }
      yield* Effect.gen(function* () {
        const id = yield* register({ ...mapped, api_base_url: `http://${host}/v1` })
        yield* nodeWith()
        yield* eventually(backendOf(id), ({ health }) => health === "down")
        status = 401
        yield* eventually(backendOf(id), ({ fault }) => fault?.reason === "unauthorized")
        status = 200
        yield* eventually(backendOf(id), ({ fault, health }) => fault === null && health === "healthy")
      }).pipe(Effect.provide(Crew(env)))
    }),
  )
})
