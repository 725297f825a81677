import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { makeCrew } from "../support/crew.ts"
import { openAi, operatorOf, register, startGateway, startProvider } from "../support/gateway.ts"
import type { RunningNode } from "../support/node.ts"
import { type PrivateServer, startNats, startPostgres } from "../support/servers.ts"
import type { Rest } from "../support/rest.ts"
import { failing, type Upstream, well } from "../support/upstream.ts"
import { eventually } from "../support/usage.ts"

const messages = [{ role: "user" as const, content: "Say hello." }]
const COUNT = 10

/** A node with servers of its own, that a test may end. */
class EndangeredNode extends Context.Service<
  EndangeredNode,
  {
    readonly nats: PrivateServer
    readonly database: PrivateServer
    readonly node: RunningNode
    readonly providers: readonly [Upstream, Upstream]
    readonly token: string
  }
>()("test/e2e/EndangeredNode") {
  static readonly layer = Layer.effect(
    EndangeredNode,
    Effect.gen(function* () {
      const [nats, database] = yield* Effect.all([startNats(), startPostgres()], { concurrency: 2 })
      const providers = yield* Effect.all([startProvider, startProvider])
      const node = yield* startGateway({ nats: nats.access, databaseUrl: database.url }, providers)
      const { tokens } = yield* makeCrew(node, ["ada"])
      return EndangeredNode.of({ nats, database, node, providers, token: tokens[0]! })
    }).pipe(Effect.orDie),
  )
}

/** Callers at work: each is served, whole and streamed. */
const serves = (node: RunningNode, token: string, model: string) =>
  Effect.promise(async () => {
    const client = openAi(node, token)
    for (let n = 0; n < COUNT; n += 2) {
      assert.strictEqual((await client.chat.completions.create({ model, messages })).model, model)
      let text = ""
      const stream = await client.chat.completions.create({ model, messages, stream: true })
      for await (const { choices } of stream) text += choices[0]?.delta.content ?? ""
      assert.strictEqual(text, "Hello there")
    }
  })

/** A model at a provider that may be limited, and at another one that always serves. */
const atWork = Effect.fnUntraced(function* (model: string) {
  const { node, providers, token, ...servers } = yield* EndangeredNode
  const [limited, spare] = providers
  limited.always(well)
  const { id } = yield* register(node, limited, { model })
  yield* register(node, spare, { model, pool: "fallback" })
  const operator = operatorOf(node)
  return { ...servers, id, limited, operator, work: serves(node, token, model) }
})

interface Hour {
  readonly model: string
  readonly requests: number
  readonly failed_tries: number
  readonly total_tokens: number
}

/** The usage of a model, once it is known of so many calls. */
const used = (operator: Rest, model: string, calls: number) =>
  eventually(
    Effect.map(operator.get("/stats/hourly"), ({ body, status }) => {
      const rows = status === 200 ? (body as ReadonlyArray<Hour>).filter((row) => row.model === model) : []
      const sum = (field: "requests" | "failed_tries" | "total_tokens") =>
        rows.reduce((all, row) => all + row[field], 0)
      const failed_tries = sum("failed_tries")
      return { calls: sum("requests") - failed_tries, failed_tries, total_tokens: sum("total_tokens") }
    }),
    (found) => found.calls >= calls,
  )

const callsOf = ({ received }: Upstream) => received.filter(({ method }) => method === "POST").length

const options = { excludeTestServices: true, timeout: "60 seconds" } as const
layer(EndangeredNode.layer, options)("the gateway in an outage", (it) => {
  it.effect(
    "of nats-server serves on, keeps cooldowns and what was used, refuses commands; all is on the log later",
    () =>
      Effect.gen(function* () {
        const { id, limited, nats, operator, work } = yield* atWork("without-nats")
        yield* work
        yield* nats.kill

        limited.always(failing(429, { message: "slow down" }))
        const before = callsOf(limited)
        yield* work
        assert.strictEqual(callsOf(limited), before + 1)
        const refusals = yield* Effect.all(
          [
            operator.post(`/backends/${id}/disable`),
            operator.post(`/backends/${id}/key`, { api_key: "sk-provider-other-key-0001" }),
            operator.send("PUT", "/config/rpm_limit", { value: 50 }),
            operator.send("PUT", "/allowances/ada", { usd_per_day: 1 }),
          ],
          { concurrency: 4 },
        )
        for (const { headers, status } of refusals) {
          assert.strictEqual(status, 503)
          assert.isNotNull(headers.get("retry-after"))
          assert.strictEqual(headers.get("content-type"), "application/problem+json")
        }
        assert.strictEqual((yield* operator.get(`/backends/${id}`)).body.status, "healthy")

        yield* nats.start
        yield* eventually(operator.get(`/backends/${id}`), ({ body }) => body.status === "cooling")
        assert.deepStrictEqual(yield* used(operator, "without-nats", 2 * COUNT), {
          calls: 2 * COUNT,
          failed_tries: 1,
          total_tokens: 2 * COUNT * 25,
        })
      }),
    60_000,
  )

  it.effect(
    "of PostgreSQL serves on, cools down, takes commands; says that stats are away, and has them later",
    () =>
      Effect.gen(function* () {
        const { database, id, limited, operator, work } = yield* atWork("without-tables")
        yield* database.stop
        yield* work
        const stats = yield* operator.get("/stats/total")
        assert.strictEqual(stats.status, 503)
        assert.isNotNull(stats.headers.get("retry-after"))
        limited.always(failing(429, { message: "slow down" }))
        yield* work
        yield* eventually(operator.get(`/backends/${id}`), ({ body }) => body.status === "cooling")
        assert.strictEqual((yield* operator.post(`/backends/${id}/disable`)).status, 200)
        assert.strictEqual((yield* operator.get(`/backends/${id}`)).body.status, "disabled")

        yield* database.start
        assert.deepStrictEqual(yield* used(operator, "without-tables", 2 * COUNT), {
          calls: 2 * COUNT,
          failed_tries: 1,
          total_tokens: 2 * COUNT * 25,
        })
        const cooldowns = yield* eventually(
          operator.get(`/stats/cooldown?backend_id=${id}`),
          ({ body, status }) => status === 200 && body.length > 0,
        )
        assert.include(cooldowns.body[0], { backend_id: id, reason: "rate_limit" })
      }),
    60_000,
  )
})
