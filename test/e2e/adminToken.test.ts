import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { existsSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { spawned } from "../cli/crewlog.ts"
import { ADMIN_TOKEN, startNode } from "../support/node.ts"
import { freshDatabase, freshNats, temporaryFolder } from "../support/servers.ts"

const place = Effect.gen(function* () {
  const servers = { nats: yield* freshNats, databaseUrl: yield* freshDatabase }
  const folder = join(yield* temporaryFolder, "data")
  const env = {
    CREWLOG_DATA: folder,
    NATS_URL: Redacted.value(servers.nats.url),
    DATABASE_URL: servers.databaseUrl,
    CREWLOG_ENCRYPTION_KEY: "ab".repeat(32),
  }
  return { servers, folder, env }
})

const ask = (url: string, token: string, method = "GET") =>
  Effect.promise(() => fetch(url, { method, headers: { authorization: `Bearer ${token}` } }))

const statusFor = (url: string, token: string) =>
  Effect.map(ask(`${url}/api/v1/me`, token), ({ status }) => status)

const rotated = Effect.fnUntraced(function* (url: string) {
  const answer = yield* ask(`${url}/api/v1/members/admin/token`, ADMIN_TOKEN, "POST")
  const { token } = (yield* Effect.promise(() => answer.json())) as { readonly token: string }
  return token
})

/** Waits until a token opens the door: a running server hears of it from the log. */
const untilKnown = (url: string, token: string) =>
  statusFor(url, token).pipe(
    Effect.repeat({ until: (status) => status === 200 }),
    Effect.timeout("30 seconds"),
  )

describe("the first admin's token", () => {
  it.live(
    "a replaced admin's token stays dead after a restart with the setting that made it",
    () =>
      Effect.gen(function* () {
        const { folder, servers } = yield* place
        const first = yield* startNode(servers, { folder })
        assert.notInclude(first.output(), "CREWLOG_ADMIN_TOKEN is outdated")
        const fresh = yield* rotated(first.url)
        assert.strictEqual(yield* statusFor(first.url, ADMIN_TOKEN), 401)
        yield* first.end("SIGTERM")

        const second = yield* startNode(servers, { folder })
        assert.strictEqual(yield* statusFor(second.url, ADMIN_TOKEN), 401)
        assert.strictEqual(yield* statusFor(second.url, fresh), 200)
        assert.include(second.output(), "CREWLOG_ADMIN_TOKEN is outdated")
      }).pipe(Effect.scoped),
    90_000,
  )

  it.live(
    "a lost admin's token is made anew by crewlog token admin --reset, and kept in the data folder",
    () =>
      Effect.gen(function* () {
        const { env, folder, servers } = yield* place
        const nobody = yield* spawned(["token", "admin", "--reset"], env)
        assert.strictEqual(nobody.code, 1)
        const running = yield* startNode(servers, { folder })
        assert.isFalse(existsSync(join(folder, "admin-token")))

        const { code, err, out } = yield* spawned(["token", "admin", "--reset"], env)
        assert.deepStrictEqual([code, err], [0, ""])
        const token = out.trim()
        yield* untilKnown(running.url, token)
        assert.strictEqual(yield* statusFor(running.url, ADMIN_TOKEN), 401)
        const file = join(folder, "admin-token")
        assert.strictEqual(readFileSync(file, "utf8").trim(), token)
        assert.strictEqual(statSync(file).mode & 0o777, 0o600)
        assert.strictEqual((yield* spawned(["token", "admin", "--show"], env)).out.trim(), token)
        const other = yield* spawned(["token", "ada", "--reset"], env)
        assert.strictEqual(other.code, 2)
      }).pipe(Effect.scoped),
    90_000,
  )
})
