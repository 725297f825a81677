import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { request as httpRequest } from "node:http"
import { GatewayApi } from "../../../../src/adapters/http/gateway/GatewayApi.ts"
import { GatewayServer } from "../../../../src/adapters/http/gateway/GatewayServer.ts"
import { pageCheck } from "../../../../src/adapters/http/gateway/gates.ts"
import { EventLog } from "../../../../src/domain/EventLog.ts"
import { ADMIN_TOKEN } from "../door.ts"
import { admin, ask, gateway, join, KEY, newBackend } from "./gatewayDoor.ts"

const open = ["/health", "/metrics"]

/** Bodies that would do something if they were let through. */
const bodies: Record<string, object> = {
  "backends register": { name: "mine", api_base_url: "https://mine.example", api_key: KEY },
  "backends change": { name: "mine" },
  "backends rotateKey": { api_key: KEY },
  "config set": { value: 1 },
  "allowances set": { usd_per_day: 1_000_000 },
}

/** Every route that is not for everybody, with parameters that lead somewhere. */
const routesFor = (backend: string) =>
  Object.values(GatewayApi.groups).flatMap((group) =>
    Object.entries(group.endpoints)
      .filter(([, { path }]) => !open.includes(path))
      .map(([name, { method, path }]) => ({
        method: method as string,
        path: path.replace(":id", backend).replace(":key", "rpm_limit").replace(":slug", "al"),
        body: bodies[`${group.identifier} ${name}`],
      })),
  )

/** As a browser or an attacker would: with headers that fetch does not let anyone set. */
const withHeaders = (path: string, headers: Record<string, string>) =>
  Effect.flatMap(GatewayServer, ({ port }) =>
    Effect.promise(
      () =>
        new Promise<number | undefined>((resolve, reject) => {
          const asking = httpRequest({ port, host: "127.0.0.1", path, headers }, (response) => {
            response.resume()
            resolve(response.statusCode)
          })
          asking.on("error", reject).end()
        }),
    ),
  )

describe("the gateway's admin interface", () => {
  it.live(
    "the gateway's admin interface lets in nobody but admins, to reads as well, and records nothing for others",
    () =>
      Effect.gen(function* () {
        const { id } = yield* newBackend()
        const member = yield* join("al")
        const log = yield* EventLog
        const before = yield* log.head
        const routes = routesFor(id)
        assert.strictEqual(routes.length, 23)
        for (const { body, method, path } of routes) {
          const asMember = yield* ask(method, path, { token: member, body })
          assert.deepStrictEqual([path, asMember.status, asMember.body.code], [path, 403, "admins_only"])
          const asNobody = yield* ask(method, path, { body })
          assert.deepStrictEqual([path, asNobody.status, asNobody.body.code], [path, 401, "unauthorized"])
          const asStranger = yield* ask(method, path, { token: "tb-nobody", body })
          assert.deepStrictEqual([path, asStranger.status], [path, 401])
          assert.strictEqual(asMember.headers.get("content-type"), "application/problem+json")
        }
        assert.deepStrictEqual(yield* log.head, before)
      }).pipe(Effect.provide(gateway())),
  )

  it.live("the gateway's admin interface tells members nothing about what they sent", () =>
    Effect.gen(function* () {
      const token = yield* join("al")
      const answer = yield* ask("POST", "/api/admin/backends", { token, body: { name: 1 } })
      assert.deepStrictEqual([answer.status, answer.body.code], [403, "admins_only"])
    }).pipe(Effect.provide(gateway())),
  )

  it.live("the gateway's admin interface takes no other body than JSON", () =>
    Effect.gen(function* () {
      const { id } = yield* newBackend()
      const answer = yield* admin("PUT", `/backends/${id}`, '{"name":"x"}', {
        headers: { "content-type": "text/plain" },
      })
      assert.deepStrictEqual([answer.status, answer.body.code], [400, "unsupported_content_type"])
    }).pipe(Effect.provide(gateway())),
  )

  it.live("the gateway's admin interface is not for the pages of others", () =>
    Effect.gen(function* () {
      const { port } = yield* GatewayServer
      const authorization = `Bearer ${ADMIN_TOKEN}`
      const own = `127.0.0.1:${port}`
      for (const [headers, status] of [
        [{ host: own }, 200],
        [{ host: `localhost:${port}`, origin: `http://localhost:${port}` }, 200],
        [{ host: own, origin: "https://ops.example" }, 200],
        [{ host: "ops.example", origin: "https://ops.example" }, 200],
        [{ host: own, origin: "https://evil.example" }, 403],
        [{ host: own, origin: "null" }, 403],
        [{ host: "evil.example", origin: "http://evil.example" }, 403],
        [{ host: `evil.example:${port}` }, 403],
      ] as const) {
        const sent = { ...headers, authorization }
        assert.deepStrictEqual([headers, yield* withHeaders("/api/admin/backends", sent)], [headers, status])
      }
      const foreign = { host: "evil.example", authorization }
      assert.strictEqual(yield* withHeaders("/dashboard/sse", foreign), 403)
      assert.strictEqual(yield* withHeaders("/health", foreign), 200)
    }).pipe(Effect.provide(gateway({ CREWLOG_ALLOWED_ORIGINS: "https://ops.example" }))),
  )

  it("the gateway's admin interface knows its own names, and addresses", () => {
    const check = pageCheck("gateway.internal", ["https://ops.example:8443"])
    const isOwn = (host: string, origin?: string) => check({ host, origin })
    for (const host of ["gateway.internal:9190", "GATEWAY.internal", "localhost", "[::1]:9190", "10.0.0.1"]) {
      assert.isTrue(isOwn(host), host)
    }
    for (const host of ["", "localhost.evil.example", "gateway.internal.evil", "a b", "x@localhost.evil"]) {
      assert.isFalse(isOwn(host), host)
    }
    assert.isFalse(check({ origin: "https://ops.example:8443" }))
    assert.isTrue(isOwn("ops.example:8443", "https://ops.example:8443"))
    assert.isFalse(isOwn("ops.example:8443", "https://ops.example"))
  })
})
