import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { makeCrew } from "../support/crew.ts"
import { MODEL, openAi, operatorOf, register, startGateway, startProvider } from "../support/gateway.ts"
import type { Place, RunningNode } from "../support/node.ts"
import { startNats, startPostgres } from "../support/servers.ts"
import { failing, type Upstream } from "../support/upstream.ts"
import { eventually } from "../support/usage.ts"

const messages = [{ role: "user" as const, content: "Say hello." }]
const COUNT = 10

/** Callers at work: each is served, whole and streamed. */
const serves = (node: RunningNode, token: string) =>
  Effect.promise(async () => {
    const client = openAi(node, token)
    for (let n = 0; n < COUNT; n += 2) {
      assert.strictEqual((await client.chat.completions.create({ model: MODEL, messages })).model, MODEL)
      let text = ""
      const stream = await client.chat.completions.create({ model: MODEL, messages, stream: true })
      for await (const { choices } of stream) text += choices[0]?.delta.content ?? ""
      assert.strictEqual(text, "Hello there")
    }
  })

/** A node with a provider that always serves and one that may be limited, and an agent's token. */
const atWork = Effect.fnUntraced(function* (place: Place) {
  const limited = yield* startProvider
  const spare = yield* startProvider
  const node = yield* startGateway(place, [limited, spare])
  const { tokens } = yield* makeCrew(node, ["ada"])
  const { id } = yield* register(node, limited)
  yield* register(node, spare, { pool: "fallback" })
  return { id, limited, node, operator: operatorOf(node), token: tokens[0]! }
})

const callsOf = ({ received }: Upstream) => received.filter(({ method }) => method === "POST").length

describe("the gateway in an outage", () => {
  it.live(
    "of nats-server: serves on, keeps cooldowns and what was used, refuses commands; all is on the log later",
    () =>
      Effect.gen(function* () {
        const nats = yield* startNats()
        const database = yield* startPostgres()
        const { id, limited, node, operator, token } = yield* atWork({
          nats: nats.access,
          databaseUrl: database.url,
        })
        yield* serves(node, token)
        yield* nats.kill

        limited.always(failing(429, { message: "slow down" }))
        const before = callsOf(limited)
        yield* serves(node, token)
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
        assert.strictEqual((yield* operator.get(`/backends/${id}`)).status, 200)

        yield* nats.start
        yield* eventually(operator.get(`/backends/${id}`), ({ body }) => body.status === "cooling")
        const { body } = yield* eventually(
          operator.get("/stats/total"),
          ({ body }) => body.requests - body.failed_tries >= 2 * COUNT,
        )
        assert.include(body, {
          requests: 2 * COUNT + 1,
          failed_tries: 1,
          total_tokens: 2 * COUNT * 25,
        })
      }).pipe(Effect.scoped),
    60_000,
  )

  it.live(
    "of PostgreSQL: serves on, cools down, takes commands; says that stats are away and has them later",
    () =>
      Effect.gen(function* () {
        const nats = yield* startNats()
        const database = yield* startPostgres()
        const { id, limited, node, operator, token } = yield* atWork({
          nats: nats.access,
          databaseUrl: database.url,
        })
        yield* database.stop
        yield* serves(node, token)
        const stats = yield* operator.get("/stats/total")
        assert.strictEqual(stats.status, 503)
        assert.isNotNull(stats.headers.get("retry-after"))
        limited.always(failing(429, { message: "slow down" }))
        yield* serves(node, token)
        yield* eventually(operator.get(`/backends/${id}`), ({ body }) => body.status === "cooling")
        assert.strictEqual((yield* operator.post(`/backends/${id}/disable`)).status, 200)
        assert.include((yield* operator.get(`/backends/${id}`)).body, { status: "disabled" })

        yield* database.start
        const { body } = yield* eventually(
          operator.get("/stats/total"),
          ({ body, status }) => status === 200 && body.requests - body.failed_tries >= 2 * COUNT,
        )
        assert.include(body, { requests: 2 * COUNT + 1, total_tokens: 2 * COUNT * 25 })
        const cooldowns = yield* eventually(
          operator.get("/stats/cooldown"),
          ({ body, status }) => status === 200 && body.length > 0,
        )
        assert.include(cooldowns.body[0], { backend_id: id, reason: "rate_limit" })
      }).pipe(Effect.scoped),
    60_000,
  )
})
