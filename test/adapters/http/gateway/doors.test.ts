import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit, Fiber, Layer, Scope } from "effect"
import { once } from "node:events"
import { get, type IncomingMessage } from "node:http"
import { connect } from "node:net"
import { GatewayServer } from "../../../../src/adapters/http/gateway/GatewayServer.ts"
import { MetricsServer } from "../../../../src/adapters/http/gateway/MetricsServer.ts"
import { requestAt } from "../client.ts"
import { ask, gateway, streams } from "./gatewayDoor.ts"

/** The first lines of an answer to bytes as they are. */
const raw = Effect.fnUntraced(function* (bytes: string) {
  const { port } = yield* GatewayServer
  return yield* Effect.callback<string>((resume) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(bytes))
    socket.once("data", (chunk) => {
      resume(Effect.succeed(String(chunk)))
      socket.destroy()
    })
    socket.on("error", () => {})
  })
})

/** A stream that the proxy has begun: how it ended for the client, and the proxy's end of it. */
const begun = (url: string) =>
  Effect.promise(async () => {
    const [response] = (await once(get(`${url}/v1/chat/completions`), "response")) as [IncomingMessage]
    const ended = new Promise<"whole" | "cut">((resolve) => {
      response.on("end", () => resolve("whole"))
      response.on("error", () => resolve("cut"))
    })
    await once(response, "data")
    response.resume()
    return { ended: Effect.promise(() => ended), proxy: streams.pop() }
  })

/** A gateway that the test itself closes. */
const closable = Effect.fnUntraced(function* (env: Record<string, string>) {
  const scope = yield* Scope.make()
  const context = yield* Layer.buildWithScope(gateway(env), scope)
  const { url } = yield* Effect.provideContext(GatewayServer, context)
  return { url, close: Effect.timed(Scope.close(scope, Exit.void)) }
})

describe("the gateway's doors", () => {
  it.live("the gateway's doors give to the proxy what comes under /v1/, and nothing else", () =>
    Effect.gen(function* () {
      const { url } = yield* GatewayServer
      const before = streams.length
      const { proxy } = yield* begun(url)
      proxy?.end()
      assert.strictEqual(streams.length, before)
      for (const path of ["/v1", "/v12/models", "/V1/models", "/api/v1/me", "//v1/models", "/%761/models"]) {
        const answer = yield* ask("GET", path)
        assert.deepStrictEqual([path, answer.status, answer.body.code], [path, 404, "route_not_found"])
      }
      const whole = yield* raw("GET http://crew.example/v1/models HTTP/1.1\r\nHost: crew.example\r\n\r\n")
      assert.match(whole, /^HTTP\/1\.1 404 /)
      assert.strictEqual(streams.length, before)
    }).pipe(Effect.provide(gateway())),
  )

  it.live("the gateway's doors tell what is wrong as REST does", () =>
    Effect.gen(function* () {
      const unknown = yield* ask("GET", "/dashboard", { headers: { "x-request-id": "mine" } })
      assert.deepStrictEqual([unknown.status, unknown.body.code], [404, "route_not_found"])
      assert.strictEqual(unknown.headers.get("x-request-id"), "mine")
      assert.strictEqual(unknown.headers.get("x-content-type-options"), "nosniff")
      const method = yield* ask("PATCH", "/api/admin/backends/bkd_000000000000")
      assert.deepStrictEqual([method.status, method.headers.get("allow")], [405, "GET, PUT, DELETE"])
      assert.match(yield* raw("GARBAGE\r\n\r\n"), /^HTTP\/1\.1 400 [\s\S]*"code":"not_http"/)
    }).pipe(Effect.provide(gateway())),
  )

  it.live("document their routes, and show them on a page", () =>
    Effect.gen(function* () {
      const { body: document } = yield* ask("GET", "/openapi.json")
      assert.strictEqual(document.info.title, "Crewlog's provider gateway")
      const change = document.paths["/api/admin/backends/{id}"].put
      assert.deepStrictEqual(change.security, [{ bearer: [] }])
      const headers = change.parameters.map(({ name }: { readonly name: string }) => name)
      assert.includeMembers(headers, ["id", "Idempotency-Key", "If-Match"])
      assert.notInclude(headers, "Crewlog-Claim")
      assert.notMatch(Object.keys(document.components.schemas).join(), /_\d/)
      assert.deepStrictEqual(document.paths["/dashboard/sse"].get.security, [{ bearer: [] }])
      assert.deepStrictEqual(document.paths["/health"].get.security, [])
      const page = yield* ask("GET", "/docs")
      assert.match(page.headers.get("content-security-policy") ?? "", /script-src 'self';/)
      assert.include((yield* ask("GET", "/docs/start.js")).body, "/api/admin/backends")
    }).pipe(Effect.provide(gateway())),
  )

  it.live("the gateway's doors say that the gateway lives, to everybody", () =>
    Effect.gen(function* () {
      const { body, status } = yield* ask("GET", "/health")
      assert.deepStrictEqual([status, body.status, body.version], [200, "ok", "0.1.0"])
      assert.isAtLeast(body.uptime_seconds, 0)
    }).pipe(Effect.provide(gateway())),
  )

  it.live("the gateway's doors show the metrics on a port of their own, and nothing else there", () =>
    Effect.gen(function* () {
      const { url } = yield* MetricsServer
      const metrics = yield* requestAt(url, "GET", "/metrics")
      assert.strictEqual(metrics.status, 200)
      assert.strictEqual(metrics.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8")
      assert.match(metrics.body, /^sidecar_uptime_seconds \d/m)
      const other = yield* requestAt(url, "GET", "/api/admin/backends")
      assert.deepStrictEqual([other.status, other.body.code], [404, "route_not_found"])
      const method = yield* requestAt(url, "POST", "/metrics")
      assert.deepStrictEqual([method.status, method.headers.get("allow")], [405, "GET"])
    }).pipe(Effect.provide(gateway())),
  )

  it.live("name the setting when a port is taken", () =>
    Effect.gen(function* () {
      for (const [door, setting] of [
        [yield* GatewayServer, "CREWLOG_GATEWAY_PORT"],
        [yield* MetricsServer, "CREWLOG_METRICS_PORT"],
      ] as const) {
        const taken = Layer.fresh(gateway({ [setting]: String(door.port) }))
        const error = yield* Effect.flip(Effect.scoped(Layer.build(taken)))
        assert.match(
          error.message,
          new RegExp(`^${setting} is "${door.port}", but should be a port that is free`),
        )
      }
    }).pipe(Effect.provide(gateway())),
  )

  it.live("the gateway's doors let streams come to their end when the program stops", () =>
    Effect.gen(function* () {
      const { close, url } = yield* closable({ CREWLOG_DRAIN_TIMEOUT: "20 seconds" })
      const { ended, proxy } = yield* begun(url)
      const closing = yield* Effect.forkChild(close)
      // No more connections are taken: the stop has begun.
      yield* Effect.tryPromise(() => fetch(`${url}/health`)).pipe(
        Effect.andThen(Effect.sleep("5 millis")),
        Effect.forever,
        Effect.ignore,
      )
      proxy?.end("data: [DONE]\n\n")
      assert.strictEqual(yield* ended, "whole")
      const [took] = yield* Fiber.join(closing)
      assert.isBelow(Duration.toSeconds(took), 10)
    }),
  )

  it.live("cut streams that do not end in the time for it", () =>
    Effect.gen(function* () {
      const { close, url } = yield* closable({ CREWLOG_DRAIN_TIMEOUT: "300 millis" })
      const { ended } = yield* begun(url)
      const [took] = yield* close
      assert.strictEqual(yield* ended, "cut")
      assert.isAtLeast(Duration.toMillis(took), 290)
    }),
  )
})
