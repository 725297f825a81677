import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { temporaryFolder } from "../support/servers.ts"
import { spawned, start } from "./crewlog.ts"

const PATIENCE = 90_000

const request = (url: string, token: string, body?: unknown) =>
  Effect.promise(() =>
    fetch(url, {
      method: body === undefined ? "GET" : "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    }),
  )

describe("a data folder", () => {
  it.live(
    "a data folder is found by its server's runtime.json, and can be read when that is stopped",
    () =>
      Effect.gen(function* () {
        const folder = join(yield* temporaryFolder, "data")
        const at = (...args: ReadonlyArray<string>) => spawned([...args, "--data", folder])
        const answer = Effect.fnUntraced(function* (...args: ReadonlyArray<string>) {
          const { code, err, out } = yield* at(...args)
          assert.deepStrictEqual([code, err], [0, ""], args.join(" "))
          return out.trimEnd()
        })

        const server = start(["serve", "--data", folder], {
          CREWLOG_PORT: "0",
          CREWLOG_GATEWAY_PORT: "0",
          CREWLOG_METRICS_PORT: "0",
        })
        yield* Effect.addFinalizer(() => Effect.sync(() => server.child.kill("SIGKILL")))
        yield* Effect.promise(() => server.said("Crewlog is ready"))
        const { http } = JSON.parse(readFileSync(join(folder, "runtime.json"), "utf8")) as { http: string }
        const admin = yield* answer("token", "admin", "--show")
        assert.strictEqual(yield* answer("token", "admin"), join(folder, "admin-token"))
        const added = yield* request(`${http}/api/v1/members`, admin, {
          name: "Bob",
          slug: "bob",
          type: "agent",
        })
        assert.strictEqual(added.status, 201)

        const token = yield* answer("token", "bob")
        assert.match(token, /^tb-\S+$/)
        assert.strictEqual((yield* request(`${http}/api/v1/me`, token)).status, 200)
        const nobody = yield* at("token", "nobody")
        assert.deepStrictEqual([nobody.code, nobody.out], [1, ""])
        assert.match(nobody.err, /^crewlog: no new token for nobody: [^\n]*\n$/)

        const status = JSON.parse(yield* answer("status", "--json")) as Record<string, unknown>
        assert.deepInclude(status, { running: true, ready: true, log: status["readModel"] })
        assert.notInclude(JSON.stringify(status), "@")
        assert.match(yield* answer("status"), /^ready, process \d+ on /)

        const { last, ...found } = JSON.parse(yield* answer("verify", "--json")) as Record<string, unknown>
        assert.deepStrictEqual(found, { ok: true, records: last, first_bad: null, problems: [] })
        assert.deepInclude(JSON.parse(yield* answer("rebuild", "--json")), { ok: true, incomparable: null })

        server.child.kill("SIGTERM")
        assert.strictEqual((yield* Effect.promise(() => server.ended)).code, 0)

        const stopped = yield* at("status")
        assert.deepStrictEqual([stopped.code, stopped.out], [1, `no server runs on ${folder}\n`])
        assert.include((yield* at("token", "bob")).err, "no server runs on")
        assert.include(yield* answer("verify"), "The log is sound")
        assert.include(yield* answer("verify", "--log-only"), "rows left out")
        assert.include(yield* answer("log", "tail"), "TokenRotated")
        assert.include(yield* answer("rebuild"), "It is equal to the one before.")

        // What a killed server leaves behind does not count.
        writeFileSync(join(folder, "lock"), "1 no such start\n")
        writeFileSync(
          join(folder, "runtime.json"),
          JSON.stringify({ pid: 1, nats: "nats://x", postgres: "postgres://x" }),
        )
        assert.include(yield* answer("verify"), "The log is sound")
        rmSync(join(folder, "lock"), { force: true })
      }).pipe(Effect.scoped),
    PATIENCE,
  )
})
