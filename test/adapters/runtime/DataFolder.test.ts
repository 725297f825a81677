import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Exit, Layer, Redacted, Scope } from "effect"
import { spawn } from "node:child_process"
import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { layer as settingsFromEnvironment } from "../../../src/config.ts"
import * as DataFolder from "../../../src/adapters/runtime/DataFolder.ts"
import * as Secrets from "../../../src/adapters/runtime/Secrets.ts"
import { startOf } from "../../../src/adapters/runtime/ProcessTable.ts"
import { temporaryFolder } from "../../support/servers.ts"

const settings = (env: Record<string, string>) =>
  settingsFromEnvironment.pipe(Layer.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env }))))

const folderAt = (path: string) => DataFolder.layer.pipe(Layer.provide(settings({ CREWLOG_DATA: path })))

const open = (path: string) => Effect.map(Layer.build(folderAt(path)), (context) => context)

const mode = (path: string) => (statSync(path).mode & 0o777).toString(8)

describe("the data folder", () => {
  it.live("the data folder is refused to a second program, by the pid of the first", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryFolder, "data")
      yield* open(path)
      const refusal = yield* Effect.flip(open(path))
      assert.strictEqual(
        refusal.message,
        `the data folder ${path} is in use by process ${process.pid}. Stop that one, or set CREWLOG_DATA to another folder.`,
      )
    }),
  )

  it.live("the data folder is free again after its program ended", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryFolder, "data")
      yield* Effect.scoped(open(path))
      yield* open(path)
      assert.deepStrictEqual(readdirSync(path), ["lock"])
    }),
  )

  it.live("of a program that was killed is taken over", () =>
    Effect.gen(function* () {
      const path = yield* temporaryFolder
      const other = spawn("sleep", ["60"])
      const start = startOf(other.pid!)
      writeFileSync(join(path, "lock"), `${other.pid} ${start}\n`)
      const refusal = yield* Effect.flip(open(path))
      assert.include(refusal.message, `in use by process ${other.pid}`)

      yield* Effect.callback<void>((resume) => {
        other.on("exit", () => resume(Effect.void))
        other.kill("SIGKILL")
      })
      yield* open(path)
      assert.include(readFileSync(join(path, "lock"), "utf8"), String(process.pid))
    }),
  )

  it.live("the data folder is taken over when another process has the dead program's pid", () =>
    Effect.gen(function* () {
      const path = yield* temporaryFolder
      writeFileSync(join(path, "lock"), `${process.pid} another-boot 1\n`)
      yield* open(path)
    }),
  )

  it.live("the data folder is taken over when the lock says nothing", () =>
    Effect.gen(function* () {
      const path = yield* temporaryFolder
      writeFileSync(join(path, "lock"), "")
      yield* open(path)
    }),
  )

  it.live("that can't be made is refused with its path", () =>
    Effect.gen(function* () {
      const file = join(yield* temporaryFolder, "file")
      writeFileSync(file, "")
      const refusal = yield* Effect.flip(open(join(file, "data")))
      assert.include(refusal.message, `the data folder ${join(file, "data")} can't be used`)
    }),
  )

  it.live("the data folder says where the program is, to its owner only, and only while it runs", () =>
    Effect.gen(function* () {
      const path = yield* temporaryFolder
      const file = join(path, "runtime.json")
      writeFileSync(file, "of an earlier run")
      const scope = yield* Scope.make()
      const context = yield* Scope.provide(open(path), scope)
      assert.isFalse(existsSync(file))

      const urls = { http: "http://127.0.0.1:8100" }
      const servers = {
        nats: Redacted.make("nats://a:b@127.0.0.1:1"),
        postgres: Redacted.make("postgres://c"),
      }
      yield* DataFolder.DataFolder.use((folder) => folder.announce({ ...urls, ...servers })).pipe(
        Effect.provideContext(context),
      )
      assert.strictEqual(mode(file), "600")
      assert.deepStrictEqual(JSON.parse(readFileSync(file, "utf8")), {
        pid: process.pid,
        http: "http://127.0.0.1:8100",
        nats: "nats://a:b@127.0.0.1:1",
        postgres: "postgres://c",
      })
      yield* Scope.close(scope, Exit.void)
      assert.isFalse(existsSync(file))
    }),
  )
})

describe("secrets", () => {
  const secretsIn = (path: string, env: Record<string, string> = {}) =>
    Secrets.Secrets.pipe(
      Effect.provide(
        Secrets.layer.pipe(
          Layer.provide(DataFolder.layer),
          Layer.provide(settings({ CREWLOG_DATA: path, ...env })),
        ),
      ),
    )
  const plain = ({ adminToken, sealingKeys }: Secrets.Secrets["Service"]) => ({
    adminToken: Redacted.value(adminToken),
    keys: sealingKeys.map(({ bytes, id }) => [id, Buffer.from(Redacted.value(bytes)).toString("hex")]),
  })

  it.live("secrets are made once and kept, for their owner only", () =>
    Effect.gen(function* () {
      const path = yield* temporaryFolder
      const made = plain(yield* secretsIn(path))
      assert.match(made.adminToken, /^tb-[\da-f]{64}$/)
      assert.match(made.keys[0]![1]!, /^[\da-f]{64}$/)
      assert.deepStrictEqual(plain(yield* secretsIn(path)), made)
      assert.strictEqual(readFileSync(join(path, "admin-token"), "utf8").trim(), made.adminToken)
      assert.deepStrictEqual(
        ["admin-token", "encryption-key"].map((name) => mode(join(path, name))),
        ["600", "600"],
      )
    }),
  )

  it.live("secrets are those that were set", () =>
    Effect.gen(function* () {
      const path = yield* temporaryFolder
      const secrets = yield* secretsIn(path, {
        CREWLOG_ADMIN_TOKEN: "mine",
        CREWLOG_ENCRYPTION_KEY: `new:${"a".repeat(64)},${"b".repeat(64)}`,
      })
      assert.strictEqual(Redacted.value(secrets.adminToken), "mine")
      // The second id is the start of the key's SHA-256.
      assert.deepStrictEqual(plain(secrets).keys, [
        ["new", "a".repeat(64)],
        ["4ca14526", "b".repeat(64)],
      ])
      assert.isFalse(existsSync(join(path, "admin-token")))
    }),
  )

  it.live("secrets must be given where the log is not embedded: all nodes share them", () =>
    Effect.gen(function* () {
      const refusal = yield* Effect.flip(secretsIn(yield* temporaryFolder, { NATS_URL: "nats://localhost" }))
      assert.strictEqual(
        refusal.message,
        "CREWLOG_ENCRYPTION_KEY should be set when NATS_URL is, to the same on every node: 64 hex characters (`openssl rand -hex 32`)",
      )
    }),
  )
})
