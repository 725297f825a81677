import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit, Fiber, Layer, Scope } from "effect"
import { once } from "node:events"
import { createServer, type IncomingMessage, request as httpRequest, type ServerResponse } from "node:http"
import { type AddressInfo, connect } from "node:net"
import { HttpServer } from "../../../src/adapters/http/HttpServer.ts"
import { InFlight } from "../../../src/adapters/http/InFlight.ts"
import { Dispatcher } from "../../../src/commands/dispatch.ts"
import { eventually } from "../../support/usage.ts"
import { asAdmin, newProject, newTask, request } from "./client.ts"
import { ADMIN_TOKEN, door } from "./door.ts"

/** Sends bytes as they are; gives what came back until the other side ends. */
const raw = Effect.fnUntraced(function* (bytes: string) {
  const { port } = yield* HttpServer
  return yield* Effect.callback<string>((resume) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(bytes))
    let answer = ""
    socket.on("data", (chunk) => (answer += String(chunk)))
    socket.on("close", () => resume(Effect.succeed(answer)))
    socket.on("error", () => {})
  })
})

/** Both tables of the protocol, and what tells that the program lives. */
const routes = [
  "GET /api/v1/projects",
  "GET /api/v1/projects/{slug}",
  "GET /api/v1/tasks",
  "GET /api/v1/tasks/{id}",
  "POST /api/v1/tasks",
  "PATCH /api/v1/tasks/{id}",
  "DELETE /api/v1/tasks/{id}",
  "POST /api/v1/tasks/{id}/take",
  "POST /api/v1/tasks/{id}/reject",
  "POST /api/v1/tasks/{id}/assign",
  "POST /api/v1/tasks/{id}/watch",
  "DELETE /api/v1/tasks/{id}/watch",
  "GET /api/v1/tasks/{id}/steps",
  "POST /api/v1/tasks/{id}/steps",
  "PATCH /api/v1/tasks/{id}/steps/{step_id}",
  "DELETE /api/v1/tasks/{id}/steps/{step_id}",
  "GET /api/v1/messages",
  "POST /api/v1/messages",
  "GET /api/v1/messages/{id}/replies",
  "GET /api/v1/members",
  "GET /api/v1/members/{slug}",
  "POST /api/v1/projects",
  "PATCH /api/v1/projects/{slug}",
  "POST /api/v1/members",
  "PATCH /api/v1/members/{slug}",
  "POST /api/v1/members/{slug}/token",
  "GET /api/v1/tasks/{id}/history",
  "GET /api/v1/tasks/{id}/explain",
  "GET /api/v1/log",
  "GET /api/v1/log/stream",
  "GET /api/v1/me",
  "GET /api/v1/feed",
  "GET /livez",
  "GET /readyz",
]

describe("the door", () => {
  it.live("documents every route of the protocol, and no token is needed to read it", () =>
    Effect.gen(function* () {
      const { body: document } = yield* request("GET", "/openapi.json")
      assert.strictEqual(document.openapi, "3.1.0")
      const documented = Object.entries<object>(document.paths).flatMap(([path, methods]) =>
        Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
      )
      assert.sameMembers(documented, routes)
      const take = document.paths["/api/v1/tasks/{id}/take"].post
      assert.deepStrictEqual(take.security, [{ bearer: [] }])
      assert.includeMembers(
        take.parameters.map(({ name }: { readonly name: string }) => name),
        ["id", "slug", "Idempotency-Key", "If-Match", "Crewlog-Claim"],
      )
      assert.hasAllKeys(take.responses, [
        "200",
        "400",
        "401",
        "403",
        "404",
        "409",
        "412",
        "422",
        "429",
        "500",
        "503",
      ])
      assert.notMatch(Object.keys(document.components.schemas).join(), /_\d/)
    }).pipe(Effect.provide(door())),
  )

  it.live("the door shows its documents on a page that needs neither the internet nor inline scripts", () =>
    Effect.gen(function* () {
      const page = yield* request("GET", "/docs")
      assert.strictEqual(page.status, 200)
      const scripts = [...page.body.matchAll(/<script([^>]*)>([\s\S]*?)<\/script>/g)]
      assert.deepStrictEqual(
        scripts.map(([, attributes, inside]) => [attributes, inside]),
        [
          [' src="/docs/library.js"', ""],
          [' src="/docs/start.js"', ""],
        ],
      )
      const policy = page.headers.get("content-security-policy") ?? ""
      assert.match(policy, /script-src 'self';/)
      const library = yield* request("GET", "/docs/library.js")
      const start = yield* request("GET", "/docs/start.js")
      assert.isAbove(library.body.length, 1_000_000)
      assert.include(start.body, "createApiReference")
      assert.include(start.body, "/api/v1/tasks/{id}/take")
    }).pipe(Effect.provide(door())),
  )

  it.live("the front page links to what there is, under the policy of every answer", () =>
    Effect.gen(function* () {
      const page = yield* request("GET", "/")
      assert.strictEqual(page.status, 200)
      assert.strictEqual(page.headers.get("content-type"), "text/html; charset=utf-8")
      assert.match(page.headers.get("content-security-policy") ?? "", /^default-src 'none'/)
      const links = [...page.body.matchAll(/href="([^"]*)"/g)].map(([, path]) => path)
      assert.includeMembers(links, ["/docs", "/openapi.json", "/asyncapi.json", "/readyz?verbose"])
      for (const path of links) assert.strictEqual((yield* request("GET", path)).status, 200, path)
    }).pipe(Effect.provide(door())),
  )

  it.live("the door says that it lives, and whether it is ready", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual((yield* request("GET", "/livez")).body, { status: "alive" })
      assert.deepStrictEqual((yield* request("GET", "/readyz")).body, { status: "ready" })
      const { body } = yield* request("GET", "/readyz?verbose")
      assert.deepStrictEqual(body.checks, [{ name: "log", ok: true, detail: "reachable" }])
    }).pipe(Effect.provide(door())),
  )

  it.live("the door refuses what has no route or another method, as a problem", () =>
    Effect.gen(function* () {
      const unknown = yield* request("GET", "/api/v2/tasks")
      assert.deepStrictEqual([unknown.status, unknown.body.code], [404, "route_not_found"])
      assert.strictEqual(unknown.headers.get("content-type"), "application/problem+json")
      assert.isNotNull(unknown.headers.get("x-request-id"))
      const method = yield* request("PUT", "/api/v1/tasks")
      assert.deepStrictEqual([method.status, method.body.code], [405, "method_not_allowed"])
      assert.strictEqual(method.headers.get("allow"), "GET, POST")
      for (const path of ["/%", "/api/v1/tasks/%zz", "/api/v1/projects/%ff", "//", "/api/v1/tasks/a/b/c/d"]) {
        const answer = yield* asAdmin("GET", path.replace("/api/v1", ""))
        assert.include([400, 404], answer.status)
        assert.isString(answer.body.code)
      }
    }).pipe(Effect.provide(door())),
  )

  it.live("the door refuses what is no HTTP, as a problem", () =>
    Effect.gen(function* () {
      const garbage = yield* raw("GARBAGE\r\n\r\n")
      assert.match(garbage, /^HTTP\/1\.1 400 Bad Request\r\n/)
      assert.include(garbage, '"code":"not_http"')
      const large = yield* raw(`GET /livez HTTP/1.1\r\nHost: x\r\nX-Large: ${"x".repeat(20_000)}\r\n\r\n`)
      assert.match(large, /^HTTP\/1\.1 431 /)
      assert.include(large, '"code":"headers_too_large"')
    }).pipe(Effect.provide(door())),
  )

  it.live("no body is no body, also where chunks are announced and none comes", () =>
    Effect.gen(function* () {
      yield* newProject("team-board")
      const { id } = yield* newTask("team-board")
      const send = (method: string, path: string, headers: string, chunks: string) =>
        raw(
          `${method} /api/v1/tasks${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${ADMIN_TOKEN}\r\n${headers}` +
            `Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n${chunks}0\r\n\r\n`,
        )
      for (const type of ["", "Content-Type: application/json\r\n", "Content-Type: text/plain\r\n"]) {
        for (const [method, path] of [
          ["POST", "take"],
          ["POST", "watch"],
          ["DELETE", "watch"],
        ] as const) {
          assert.match(
            yield* send(method, `/${id}/${path}`, type, ""),
            /^HTTP\/1\.1 200 /,
            `${method} ${path} ${type}`,
          )
        }
        const missing = yield* send("POST", "?project_slug=team-board", type, "")
        const without = yield* asAdmin("POST", "/tasks?project_slug=team-board")
        assert.include(missing, `HTTP/1.1 ${without.status} `)
        assert.include(missing, `"code":"${without.body.code}"`)
      }
      const text = yield* send("POST", `/${id}/take`, "Content-Type: text/plain\r\n", "5\r\nhello\r\n")
      assert.match(text, /^HTTP\/1\.1 400 .*unsupported_content_type/s)
    }).pipe(Effect.provide(door())),
  )

  it.live("the door stops reading a body that is too large", () =>
    Effect.gen(function* () {
      const { port } = yield* HttpServer
      const sent = yield* Effect.callback<number>((resume) => {
        let bytes = 0
        const headers = { authorization: `Bearer ${ADMIN_TOKEN}`, "content-type": "application/json" }
        const asking = httpRequest({
          port,
          host: "127.0.0.1",
          method: "POST",
          path: "/api/v1/messages",
          headers,
        })
        const chunk = Buffer.alloc(64 * 1024, " ")
        const more = () => {
          while (!asking.destroyed && bytes < 256 * 1024 * 1024) {
            bytes += chunk.length
            if (!asking.write(chunk)) return void asking.once("drain", more)
          }
        }
        asking.on("response", (response) => {
          assert.strictEqual(response.statusCode, 400)
          response.resume()
        })
        asking.on("error", () => {})
        asking.on("close", () => resume(Effect.succeed(bytes)))
        more()
      })
      assert.isBelow(sent, 32 * 1024 * 1024)
    }).pipe(Effect.provide(door())),
  )

  it.live("limits how often and how much a member may", () =>
    Effect.gen(function* () {
      const answers = yield* Effect.forEach(Array.from({ length: 8 }), () => asAdmin("GET", "/me"), {
        concurrency: 8,
      })
      const refused = answers.filter(({ status }) => status === 429)
      assert.isAtLeast(refused.length, 1)
      assert.strictEqual(refused[0]?.body.code, "too_many_requests")
      assert.strictEqual(refused[0]?.headers.get("retry-after"), "1")
    }).pipe(Effect.provide(door({ CREWLOG_RATE_LIMIT: "3" }))),
  )

  it.live("the door lets a member add so much to the log in a day", () =>
    Effect.gen(function* () {
      yield* newProject("team-board")
      const full = yield* asAdmin("POST", "/projects", { name: "b", slug: "b" })
      assert.deepStrictEqual([full.status, full.body.code], [429, "day_is_full"])
      assert.isAbove(Number(full.headers.get("retry-after")), 0)
      assert.strictEqual((yield* asAdmin("GET", "/me")).status, 200)
    }).pipe(Effect.provide(door({ CREWLOG_DAILY_BYTES: "500" }))),
  )

  it.live("the door names the setting when its port is taken", () =>
    Effect.gen(function* () {
      const { port } = yield* HttpServer
      const error = yield* Effect.flip(
        Effect.scoped(Layer.build(Layer.fresh(door({ CREWLOG_PORT: String(port) })))),
      )
      assert.match(error.message, new RegExp(`^CREWLOG_PORT is "${port}", but should be a port that is free`))
    }).pipe(Effect.provide(door())),
  )

  it.live("the door tells who waits too long that no answer will come", () =>
    Effect.gen(function* () {
      const inFlight = new InFlight("50 millis")
      const waiting: Array<ServerResponse> = []
      const server = yield* Effect.acquireRelease(
        Effect.sync(() =>
          createServer((request, response) => {
            inFlight.note(response, request.url === "/unlimited")
            if (request.url === "/unlimited") waiting.push(response)
          }).listen(0, "127.0.0.1"),
        ),
        (server) => Effect.sync(() => server.closeAllConnections()),
      )
      yield* Effect.promise(() => once(server, "listening"))
      const { port } = server.address() as AddressInfo
      const ask = (path: string) =>
        Effect.forkChild(Effect.promise(() => fetch(`http://127.0.0.1:${port}${path}`)))
      const asking = yield* ask("/")
      const endless = yield* ask("/unlimited")
      yield* eventually(
        Effect.sync(() => waiting.length),
        (length) => length === 1,
      )
      yield* Effect.sleep("20 millis")
      inFlight.giveUp()
      assert.isFalse(inFlight.isEmpty)
      yield* Effect.sleep("60 millis")
      inFlight.giveUp()
      const answer = yield* Fiber.join(asking)
      const body = (yield* Effect.promise(() => answer.json())) as { readonly code: string }
      assert.deepStrictEqual([answer.status, body.code], [503, "request_timed_out"])
      for (const response of waiting) response.end()
      assert.strictEqual((yield* Fiber.join(endless)).status, 200)
    }).pipe(Effect.scoped),
  )

  it.live("finishes what it began before it closes", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(door(), scope)
      yield* Effect.gen(function* () {
        yield* newProject("team-board")
        const { id } = yield* newTask("team-board")
        const { url } = yield* HttpServer
        // The body comes in two parts, so the request is in flight while the server stops.
        const asking = yield* Effect.forkChild(slowly(url, `/api/v1/tasks/${id}`))
        yield* Effect.sleep("100 millis")
        const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
        const answer = yield* Fiber.join(asking)
        assert.deepStrictEqual(answer, { status: 200, connection: "close" })
        const [took] = yield* Effect.timed(Fiber.join(closing))
        assert.isBelow(Duration.toMillis(took), 3000)
        const refused = yield* Effect.exit(Effect.tryPromise(() => fetch(`${url}/livez`)))
        assert.isTrue(Exit.isFailure(refused))
      }).pipe(Effect.provideContext(context))
    }),
  )

  it.live("the door is one server for many kinds of commands at once", () =>
    Effect.gen(function* () {
      yield* newProject("team-board")
      const tasks = yield* Effect.forEach(Array.from({ length: 30 }), () => newTask("team-board"), {
        concurrency: 10,
      })
      assert.strictEqual(new Set(tasks.map(({ key }) => key)).size, 30)
      assert.isDefined(yield* Dispatcher)
    }).pipe(Effect.provide(door())),
  )
})

const slowly = Effect.fnUntraced(function* (url: string, path: string) {
  const body = JSON.stringify({ title: "Changed" })
  const asking = httpRequest(`${url}${path}`, {
    method: "PATCH",
    headers: {
      authorization: `Bearer ${ADMIN_TOKEN}`,
      "content-type": "application/json",
      "content-length": body.length,
    },
  })
  const answered = once(asking, "response")
  asking.write(body.slice(0, 5))
  yield* Effect.sleep("400 millis")
  asking.end(body.slice(5))
  const [response]: ReadonlyArray<IncomingMessage> = yield* Effect.promise(() => answered)
  response?.resume()
  return { status: response?.statusCode, connection: response?.headers.connection }
})
