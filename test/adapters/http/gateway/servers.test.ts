import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect, Layer, Redacted } from "effect"
import { layer as natsVault } from "../../../../src/adapters/nats/KeyVault.ts"
import type { SchemaAt } from "../../../../src/adapters/postgres/client.ts"
import { layer as DatabaseLayer } from "../../../../src/adapters/postgres/Database.ts"
import { layer as ReadModelLayer } from "../../../../src/adapters/postgres/ReadModel.ts"
import { storeIn } from "../../../../src/adapters/postgres/Store.ts"
import { layer as UsageReadsLayer } from "../../../../src/adapters/postgres/usageReads.ts"
import type { NatsAccess } from "../../../../src/adapters/runtime/EmbeddedNats.ts"
import { Backends } from "../../../../src/commands/Backends.ts"
import { KeyVault } from "../../../../src/commands/KeyVault.ts"
import { EventLog } from "../../../../src/domain/EventLog.ts"
import type { UsageRecord } from "../../../../src/domain/Usage.ts"
import { Fleet } from "../../../../src/projections/Fleet.ts"
import { Projected } from "../../../../src/projections/Projected.ts"
import { usageModel } from "../../../../src/projections/Usage.ts"
import { sumsOf, UsageBook } from "../../../../src/projections/UsageBook.ts"
import { LocalAnnouncements } from "../../../projections/announcing.ts"
import { sealingKey } from "../../../support/keys.ts"
import { logOn } from "../../../support/log.ts"
import { freshNats } from "../../../support/servers.ts"
import { eventually, usageOf } from "../../../support/usage.ts"
import { freshSchema, projectTo } from "../../postgres/schemas.ts"
import { admin, gatewayOn, KEY, newBackend } from "./gatewayDoor.ts"

/** A node's gateway on real servers. */
const nodeOn = (access: NatsAccess, place: SchemaAt) =>
  gatewayOn().pipe(
    Layer.provide(UsageReadsLayer),
    Layer.provideMerge(Projected.layer),
    Layer.provideMerge([ReadModelLayer, LocalAnnouncements]),
    Layer.provideMerge(DatabaseLayer(place)),
    Layer.provideMerge(natsVault([sealingKey("test")])),
    Layer.provideMerge(logOn(access)),
    Layer.fresh,
  )

/** Puts records into the tables of usage, as the projector of usage does. */
const count = (place: SchemaAt, records: ReadonlyArray<UsageRecord>) =>
  Effect.gen(function* () {
    const term = yield* storeIn(place).lead(usageModel)
    const book = new UsageBook()
    const sheet = book.sum([{ seq: 1, node: "test", number: 1, sums: sumsOf(records) }])
    const to = { seq: 1, hash: "", log: "test" }
    yield* term.commit({ from: term.start.seq, to, writes: book.add(sheet).tables })
  }).pipe(Effect.scoped)

/** Everything that is on the log, into the tables. */
const project = Effect.fnUntraced(function* (place: SchemaAt) {
  const log = yield* EventLog
  const { last } = yield* log.head
  yield* projectTo(place, log, last)
})

const coolDown = Effect.fnUntraced(function* (backend: string, at: number) {
  const backends = yield* Backends
  yield* backends.observe({
    kind: "rate_limited",
    backend,
    model: null,
    reason: "rate_limit",
    retryAfterMillis: 90_000,
    sentAt: at - 1,
    at,
  })
})

describe("the gateway on real servers", () => {
  it.live(
    "the gateway on real servers finds everything again after a restart, and a second node hears of changes",
    () =>
      Effect.gen(function* () {
        const [access, place] = [yield* freshNats, yield* freshSchema]
        const before = yield* Effect.gen(function* () {
          const { id } = yield* newBackend({ model_mappings: { small: {} }, pool: "fallback" })
          yield* admin("PUT", "/config/queue_depth", { value: 9 })
          yield* admin("PUT", `/backends/${id}`, { label: "kept" })
          return (yield* admin("GET", `/backends/${id}`)).body
        }).pipe(Effect.provide(nodeOn(access, place)))
        yield* Effect.gen(function* () {
          assert.deepStrictEqual((yield* admin("GET", "/backends")).body, [before])
          assert.strictEqual((yield* admin("GET", "/config/queue_depth")).body.value, 9)
          const vault = yield* KeyVault
          const fleet = yield* Fleet
          const version = fleet.backends().get(before.id)?.key_version ?? ""
          const key = yield* vault.get(before.id, version)
          assert.strictEqual(key && Redacted.value(key), KEY)
          const label = Effect.sync(() => fleet.backends().get(before.id)?.label)
          yield* Effect.gen(function* () {
            assert.strictEqual((yield* admin("PUT", `/backends/${before.id}`, { label: "new" })).status, 200)
          }).pipe(Effect.provide(nodeOn(access, place)))
          yield* eventually(label, (now) => now === "new")
        }).pipe(Effect.provide(nodeOn(access, place)))
      }),
  )

  it.live("the gateway on real servers tells what requests used", () =>
    Effect.gen(function* () {
      const [access, place] = [yield* freshNats, yield* freshSchema]
      const now = yield* DateTime.now
      const at = DateTime.formatIso(now)
      const hoursAgo = (hours: number) => DateTime.formatIso(DateTime.subtract(now, { hours }))
      const [one, two] = ["bkd_000000000001", "bkd_000000000002"]
      yield* count(place, [
        usageOf({ at, backend: one, cost_usd: 0.5, project: "alpha", task: "AL-1" }),
        usageOf({ at, backend: two, lane: "fallback", model: "small", member: null, outcome: "error" }),
        usageOf({ at: hoursAgo(170), backend: one, member: "bob" }),
        usageOf({ at: hoursAgo(24 * 40), backend: one }),
        usageOf({ at, backend: null, lane: null, outcome: "refused", cost_usd: 0 }),
      ])
      yield* Effect.gen(function* () {
        const total = yield* admin("GET", "/stats/total")
        assert.strictEqual(total.status, 200)
        assert.deepInclude(total.body, { requests: 5, errors: 2, total_tokens: 750, latency_ms: 1_000 })
        assert.strictEqual((yield* admin("GET", "/stats/total?hours=48")).body.requests, 3)
        assert.strictEqual((yield* admin("GET", `/stats/total?backend_id=${one}`)).body.requests, 3)
        assert.strictEqual((yield* admin("GET", "/stats/total?backend_id=bkd_00000000000f")).body.requests, 0)

        const hourly = (yield* admin("GET", "/stats/hourly")).body
        assert.strictEqual(hourly.length, 3)
        const hour = `${at.slice(0, 13)}:00:00.000Z`
        const own = hourly.find(({ backend_id }: { readonly backend_id: string }) => backend_id === one)
        assert.deepInclude(own, { hour, pool: "primary", model: "gpt-5", requests: 1, cost_usd: 0.5 })
        assert.isFalse("backend" in own)
        assert.strictEqual((yield* admin("GET", `/stats/hourly?backend_id=${one}&hours=200`)).body.length, 2)

        const daily = (yield* admin("GET", "/stats/daily?days=1")).body
        const today = daily.filter(({ day }: { readonly day: string }) => day === at.slice(0, 10))
        assert.strictEqual(today.length, daily.length)
        assert.sameMembers(
          daily.map(({ pool }: { readonly pool: string | null }) => pool),
          ["primary", "fallback", null],
        )

        const members = (yield* admin("GET", "/stats/members")).body
        assert.deepStrictEqual(
          members.map((row: { readonly member: string | null; readonly requests: number }) => [
            row.member,
            row.requests,
          ]),
          [
            ["ada", 2],
            ["bob", 1],
            [null, 1],
          ],
        )

        const [task, ...others] = (yield* admin("GET", "/stats/tasks?project=alpha")).body
        assert.deepInclude(task, { project: "alpha", task: "AL-1", model: "gpt-5", requests: 1 })
        assert.deepStrictEqual(others, [])
        assert.deepStrictEqual((yield* admin("GET", "/stats/tasks?task=AL-2")).body, [])
      }).pipe(Effect.provide(nodeOn(access, place)))
    }),
  )

  it.live("the gateway on real servers tells how often backends had to rest", () =>
    Effect.gen(function* () {
      const [access, place] = [yield* freshNats, yield* freshSchema]
      yield* Effect.gen(function* () {
        const [one, other] = [yield* newBackend(), yield* newBackend()]
        const now = DateTime.toEpochMillis(yield* DateTime.now)
        yield* coolDown(one.id, now)
        yield* coolDown(other.id, now + 1)
        yield* project(place)
        const all = yield* admin("GET", "/stats/cooldown")
        assert.deepStrictEqual(
          all.body.map(({ backend_id }: { readonly backend_id: string }) => backend_id),
          [other.id, one.id],
        )
        const [shown] = (yield* admin("GET", `/stats/cooldown?backend_id=${one.id}&limit=1`)).body
        assert.deepInclude(shown, {
          backend_id: one.id,
          model: null,
          reason: "rate_limit",
          until: DateTime.formatIso(DateTime.makeUnsafe(now + 90_000)),
        })
        assert.strictEqual(typeof shown.seq, "number")
        assert.strictEqual((yield* admin("GET", "/stats/cooldown?limit=1")).body.length, 1)
      }).pipe(Effect.provide(nodeOn(access, place)))
    }),
  )

  it.live(
    "the gateway on real servers says when the tables can't be asked, and needs them for nothing else",
    () =>
      Effect.gen(function* () {
        const place = { url: Redacted.make("postgres://nobody@127.0.0.1:1/none"), schema: "crewlog" }
        yield* Effect.gen(function* () {
          for (const path of ["total", "hourly", "daily", "members", "tasks", "cooldown"]) {
            const answer = yield* admin("GET", `/stats/${path}`)
            assert.deepStrictEqual([answer.status, answer.body.code], [503, "read_model_unavailable"])
          }
          const { id } = yield* newBackend()
          const changed = yield* admin("PUT", `/backends/${id}`, { label: "still" })
          assert.strictEqual(changed.status, 200)
          assert.isNull(changed.headers.get("crewlog-projected"))
          assert.strictEqual((yield* admin("GET", `/backends/${id}`)).body.label, "still")
        }).pipe(Effect.provide(nodeOn(yield* freshNats, place)))
      }),
  )
})
