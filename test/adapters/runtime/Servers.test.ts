import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Layer, Redacted, Schedule } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { existsSync, readFileSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { createInterface } from "node:readline"
import * as DataFolder from "../../../src/adapters/runtime/DataFolder.ts"
import { Servers, layer as servers } from "../../../src/adapters/runtime/Servers.ts"
import { layer as settings } from "../../../src/config.ts"
import { searchPath, temporaryFolder } from "../../support/servers.ts"

const serversWith = (env: Record<string, string>) =>
  Servers.pipe(
    Effect.provide(
      servers.pipe(
        Layer.provide(DataFolder.layer),
        Layer.provide(settings),
        Layer.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env }))),
      ),
    ),
  )

/** Runs the embedded servers in a process of their own; gives it and the first line it prints. */
const program = (data: string) =>
  Effect.acquireRelease(
    Effect.callback<{ child: ChildProcess; line: string }>((resume) => {
      const child = spawn(process.execPath, ["test/support/runServers.ts"], {
        env: { PATH: searchPath, CREWLOG_DATA: data, LOG_LEVEL: "error" },
        stdio: ["ignore", "pipe", "inherit"],
      })
      createInterface({ input: child.stdout }).on("line", (line) => {
        if (!line.startsWith("[")) resume(Effect.succeed({ child, line }))
      })
    }),
    ({ child }) =>
      Effect.andThen(
        Effect.sync(() => child.kill("SIGTERM")),
        ended(child),
      ),
  )

const ended = (child: ChildProcess) =>
  Effect.callback<void>((resume) => {
    if (child.exitCode !== null || child.signalCode !== null) return resume(Effect.void)
    child.on("exit", () => resume(Effect.void))
  })

const serversOf = (folder: string) =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8")
      } catch {
        return ""
      }
    })
    .filter((command) => command.includes(folder) && /nats-server|postgres/.test(command))

const gone = (folder: string) =>
  Effect.sync(() => serversOf(folder)).pipe(
    Effect.repeat({ until: (left) => left.length === 0, schedule: Schedule.spaced("20 millis") }),
    Effect.timeout("30 seconds"),
  )

describe("the servers", () => {
  it.live("the servers are the program's own by default, and stop with it", () =>
    Effect.gen(function* () {
      const data = join(yield* temporaryFolder, "data")
      const { child, line } = yield* program(data)
      assert.strictEqual(line, "ready")
      const whereabouts = JSON.parse(readFileSync(join(data, "runtime.json"), "utf8"))
      assert.strictEqual(whereabouts.pid, child.pid)
      assert.match(whereabouts.nats, /^nats:\/\/CREW-backend:[\da-f]{64}@127\.0\.0\.1:\d+$/)
      assert.match(whereabouts.postgres, /^postgres:\/\/crewlog:[\da-f]{64}@127\.0\.0\.1:\d+\/postgres$/)
      // A process that PostgreSQL has just forked bears its command line for a moment.
      const count = Effect.sync(() => serversOf(data).length)
      yield* count.pipe(
        Effect.repeat({ schedule: Schedule.spaced("10 millis"), until: (servers) => servers === 2 }),
      )

      child.kill("SIGTERM")
      yield* ended(child)
      assert.deepStrictEqual(serversOf(data), [])
      assert.isFalse(existsSync(join(data, "runtime.json")))
      assert.isFalse(existsSync(join(data, "postgres", "data", "postmaster.pid")))
    }),
  )

  it.live("die with a program that is killed, and the next start goes on with their data", () =>
    Effect.gen(function* () {
      const data = join(yield* temporaryFolder, "data")
      const first = yield* program(data)
      assert.strictEqual(first.line, "ready")
      const second = yield* program(data)
      assert.include(second.line, `in use by process ${first.child.pid}`)

      first.child.kill("SIGKILL")
      yield* ended(first.child)
      yield* gone(data)
      assert.strictEqual((yield* program(data)).line, "ready")
    }),
  )

  it.live("the servers are those that NATS_URL and DATABASE_URL name, each by itself", () =>
    Effect.gen(function* () {
      const data = join(yield* temporaryFolder, "data")
      const { databaseUrl, embedded, nats } = yield* serversWith({
        CREWLOG_DATA: data,
        CREWLOG_ENCRYPTION_KEY: "a".repeat(64),
        NATS_URL: "nats://me:p%40ss@one:4222, nats://two:4222",
        DATABASE_URL: "postgres://u:p@db/crew",
      })
      assert.deepStrictEqual(Redacted.value(nats.backend), {
        url: "nats://one:4222,nats://two:4222",
        user: "me",
        pass: "p@ss",
      })
      assert.strictEqual(nats.setup, nats.backend)
      assert.strictEqual(Redacted.value(databaseUrl), "postgres://u:p@db/crew")
      assert.deepStrictEqual(embedded, { nats: false, postgres: false })
      assert.deepStrictEqual(readdirSync(data), [])
    }),
  )
})
