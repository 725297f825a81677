import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http"
import { askStatus } from "../../../../src/adapters/llm/probes/askStatus.ts"
import { HealthProber, healthUrl, type Probing } from "../../../../src/adapters/llm/probes/HealthProber.ts"
import type { Route } from "../../../../src/gateway/routing/Route.ts"
import type { ProbeResult } from "../../../../src/gateway/routing/Vitals.ts"
import { gatewayDefaults } from "../../../../src/domain/Gateway.ts"
import { until } from "../../../support/agents.ts"
import { ManualTimers } from "../../../gateway/routing/ManualTimers.ts"
import { backend, idOf } from "../../../gateway/routing/place.ts"

interface Seen {
  readonly path: string
  readonly headers: IncomingHttpHeaders
}

/** A provider on loopback: what it was asked, and who answers. */
const provider = (answer: (response: ServerResponse) => void) =>
  Effect.acquireRelease(
    Effect.callback<{
      readonly url: string
      readonly host: string
      readonly seen: Array<Seen>
      readonly stop: () => void
    }>((resume) => {
      const seen: Array<Seen> = []
      const server = createServer((request, response) => {
        seen.push({ path: request.url ?? "", headers: request.headers })
        answer(response)
      })
      const stop = () => {
        server.close()
        server.closeAllConnections()
      }
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        const host = `127.0.0.1:${typeof address === "object" ? address?.port : ""}`
        resume(Effect.succeed({ url: `http://${host}/v1`, host, seen, stop }))
      })
    }),
    ({ stop }) => Effect.sync(stop),
  )

const status =
  (code: number, headers: Record<string, string> = {}) =>
  (response: ServerResponse) => {
    response.writeHead(code, headers).end("{}")
  }

const routeOf = (letter: string, more: Parameters<typeof backend>[1] = {}, key = "sk-secret"): Route => ({
  backend: backend(letter, more),
  key,
})

/** A prober whose time a test lets pass, and what it reported. */
const proberOf = (more: Partial<Probing> & Pick<Probing, "ask">) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const timers = new ManualTimers()
      const reported: Array<ProbeResult & { readonly id: string }> = []
      const prober = new HealthProber({
        timers,
        random: () => 0.5,
        isMine: () => true,
        report: (id, result) => reported.push({ id, ...result }),
        ...more,
      })
      return { prober, reported, timers }
    }),
    ({ prober }) => Effect.sync(() => prober.close()),
  )

const options = { ...gatewayDefaults, health_interval_seconds: 60, health_timeout_seconds: 10 }

describe("the health prober", () => {
  it("the health prober asks where requests find it, whatever the base has for /v1", () => {
    const at = (
      api_base_url: string,
      path = "/v1/models",
      api: "openai-completions" | "anthropic-messages" = "openai-completions",
    ) => healthUrl(routeOf("a", { api_base_url, api }), path).href
    assert.strictEqual(at("https://api.example.org/v1"), "https://api.example.org/v1/models")
    assert.strictEqual(at("https://api.example.org/v1/"), "https://api.example.org/v1/models")
    assert.strictEqual(at("https://api.example.org"), "https://api.example.org/v1/models")
    assert.strictEqual(at("https://example.org/api/v1"), "https://example.org/api/v1/models")
    assert.strictEqual(
      at("https://api.example.org", "/v1/models", "anthropic-messages"),
      "https://api.example.org/v1/models",
    )
    assert.strictEqual(
      at("https://api.example.org/v1", "/healthz?deep=1"),
      "https://api.example.org/healthz?deep=1",
    )
  })

  it.live("the health prober asks each backend soon, then once in an interval, with its key", () =>
    Effect.gen(function* () {
      const { host, seen, url } = yield* provider(status(200))
      const { prober, reported, timers } = yield* proberOf({ ask: askStatus(new Set([host])) })
      prober.update(
        [
          routeOf("a", { api_base_url: url }),
          routeOf("b", { api_base_url: url, api: "anthropic-messages" }, "ant-secret"),
          routeOf("c", { api_base_url: url, is_enabled: false }),
        ],
        options,
      )
      timers.pass(500)
      yield* until("both reported", () => reported.length === 2)
      const sentAt = timers.now()
      for (const { detail, keyVersion, kind, millis, sentAt: sent } of reported) {
        assert.deepStrictEqual([kind, detail, keyVersion, sent], ["ok", "http_200", "0", sentAt])
        assert.isAtLeast(millis, 0)
      }
      assert.sameMembers(
        reported.map(({ id }) => id),
        [idOf("a"), idOf("b")],
      )
      assert.deepStrictEqual(
        seen.map(({ path }) => path),
        ["/v1/models", "/v1/models"],
      )
      const keys = seen.map(({ headers }) => headers.authorization ?? headers["x-api-key"])
      assert.sameMembers(keys, ["Bearer sk-secret", "ant-secret"])
      timers.pass(59_999)
      assert.lengthOf(seen, 2)
      timers.pass(1)
      yield* until("both again", () => reported.length === 4)
      // What is news while a turn waits does not begin another one.
      prober.update([routeOf("a", { api_base_url: url, label: "new" })], options)
      timers.pass(60_000)
      yield* until("one again", () => reported.length === 5)
      assert.strictEqual(timers.set, 1)
    }),
  )

  it.live.each([
    { code: 401, kind: "unauthorized" },
    { code: 403, kind: "forbidden" },
    { code: 404, kind: "answered" },
    { code: 429, kind: "answered" },
    { code: 302, kind: "answered" },
    { code: 500, kind: "failed" },
    { code: 503, kind: "failed" },
  ] as const)("takes a $code for what it is", ({ code, kind }) =>
    Effect.gen(function* () {
      const elsewhere = yield* provider(status(200))
      const { host, url } = yield* provider(status(code, { location: elsewhere.url }))
      const allowed = new Set([host, elsewhere.host])
      const { prober, reported, timers } = yield* proberOf({ ask: askStatus(allowed) })
      prober.update([routeOf("a", { api_base_url: url })], options)
      timers.pass(500)
      yield* until("a report", () => reported.length === 1)
      assert.deepStrictEqual([reported[0]?.kind, reported[0]?.detail], [kind, `http_${code}`])
      assert.lengthOf(elsewhere.seen, 0)
    }),
  )

  it.live("the health prober waits no longer than it may, and not for the end of a body", () =>
    Effect.gen(function* () {
      const silent = yield* provider(() => {})
      const endless = yield* provider((response) => {
        response.writeHead(200).write("x".repeat(100_000))
      })
      const gone = yield* provider(status(200))
      gone.stop()
      const { prober, reported, timers } = yield* proberOf({
        ask: askStatus(new Set([silent.host, endless.host, gone.host])),
      })
      const urls = { a: silent.url, b: endless.url, c: gone.url }
      prober.update(
        Object.entries(urls).map(([letter, api_base_url]) => routeOf(letter, { api_base_url })),
        options,
      )
      timers.pass(500)
      yield* until("two reports", () => reported.length === 2 && silent.seen.length === 1)
      timers.pass(10_000)
      yield* until("all reports", () => reported.length === 3)
      const by = Object.fromEntries(reported.map(({ detail, id, kind }) => [id, `${kind} ${detail}`]))
      assert.deepStrictEqual(by, {
        [idOf("a")]: "failed timeout",
        [idOf("b")]: "ok http_200",
        [idOf("c")]: "failed connection_refused",
      })
    }),
  )

  it.live("the health prober sends no key to a private address that is not allowed", () =>
    Effect.gen(function* () {
      const { seen, url } = yield* provider(status(200))
      const { prober, reported, timers } = yield* proberOf({ ask: askStatus(new Set()) })
      const byName = url.replace("127.0.0.1", "localhost")
      prober.update([routeOf("a", { api_base_url: url }), routeOf("b", { api_base_url: byName })], options)
      timers.pass(500)
      yield* until("reports", () => reported.length === 2)
      for (const { detail, kind } of reported)
        assert.deepStrictEqual([kind, detail], ["failed", "address_refused"])
      assert.lengthOf(seen, 0)
    }),
  )

  it.live("the health prober is one node's work at a time", () =>
    Effect.gen(function* () {
      const { host, seen, url } = yield* provider(status(200))
      let isMine = false
      const { prober, reported, timers } = yield* proberOf({
        ask: askStatus(new Set([host])),
        isMine: () => isMine,
      })
      prober.update([routeOf("a", { api_base_url: url })], options)
      timers.pass(180_000)
      assert.lengthOf(seen, 0)
      isMine = true
      timers.pass(60_000)
      yield* until("a report", () => reported.length === 1)
    }),
  )

  it.live("the health prober asks soon after a backend was given another key or place", () =>
    Effect.gen(function* () {
      const { host, seen, url } = yield* provider(status(200))
      const { prober, reported, timers } = yield* proberOf({ ask: askStatus(new Set([host])) })
      const changes = [{}, { key_version: "1" }, { key_version: "1", api_base_url: `${url}/` }]
      for (const [index, change] of changes.entries()) {
        prober.update([routeOf("a", { api_base_url: url, ...change })], options)
        timers.pass(500)
        yield* until("a report", () => reported.length === index + 1)
      }
      assert.deepStrictEqual(
        reported.map(({ keyVersion }) => keyVersion),
        ["0", "1", "1"],
      )
      assert.lengthOf(seen, 3)
    }),
  )

  it.live("the health prober goes by a new interval at once, and ends", () =>
    Effect.gen(function* () {
      const { host, seen, url } = yield* provider(status(200))
      const { prober, reported, timers } = yield* proberOf({ ask: askStatus(new Set([host])) })
      const routes = [routeOf("a", { api_base_url: url })]
      prober.update(routes, { ...options, health_interval_seconds: 86_400 })
      timers.pass(500)
      yield* until("a report", () => reported.length === 1)
      prober.update(routes, options)
      timers.pass(500)
      yield* until("another", () => reported.length === 2)
      timers.pass(60_000)
      yield* until("the next", () => reported.length === 3)
      prober.close()
      assert.strictEqual(timers.set, 0)
      assert.lengthOf(seen, 3)
    }),
  )
})
