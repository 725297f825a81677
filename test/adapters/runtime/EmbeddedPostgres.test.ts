import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted, Ref, Schedule } from "effect"
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import postgres from "postgres"
import { postgresServer } from "../../../src/adapters/runtime/EmbeddedPostgres.ts"
import { startOf } from "../../../src/adapters/runtime/ProcessTable.ts"
import { supervise } from "../../../src/adapters/runtime/supervise.ts"
import { freshDatabase, searchPath, startPostgres, temporaryFolder } from "../../support/servers.ts"

/** Asks over a connection of its own, which a dying server can't spoil for the next question. */
const ask = (url: string, statement: string) =>
  Effect.acquireUseRelease(
    Effect.sync(() => postgres(url, { max: 1, connect_timeout: 2, onnotice: () => {} })),
    (sql) =>
      Effect.tryPromise({
        try: async () => Array.from<Record<string, unknown>>(await sql.unsafe(statement)),
        catch: String,
      }),
    (sql) => Effect.promise(() => sql.end({ timeout: 1 })),
  )

const eventually = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  effect.pipe(Effect.retry(Schedule.spaced("20 millis").pipe(Schedule.upTo({ duration: "30 seconds" }))))

const pidIn = (folder: string) =>
  Number(readFileSync(join(folder, "data", "postmaster.pid"), "utf8").split("\n")[0])

describe("the embedded PostgreSQL", () => {
  it.live("the embedded PostgreSQL is started again, with its data and on its port, when it is killed", () =>
    Effect.gen(function* () {
      const folder = join(yield* temporaryFolder, "postgres")
      const server = yield* postgresServer({ folder, searchPath })
      const url = Redacted.value(server.url)
      const pid = yield* Ref.make(0)
      yield* supervise(
        "PostgreSQL",
        Effect.tap(server.start, (run) => Ref.set(pid, run.pid)),
      )
      yield* ask(url, "create table kept as select 1 as one")
      const before = yield* Ref.get(pid)
      process.kill(before, "SIGKILL")
      yield* Ref.get(pid).pipe(
        Effect.repeat({ until: (now) => now !== before, schedule: Schedule.spaced("20 millis") }),
      )
      assert.deepStrictEqual(yield* eventually(ask(url, "select one from kept")), [{ one: 1 }])
    }),
  )

  it.live("the embedded PostgreSQL stores UTF-8, sorts by code point and counts in UTC", () =>
    Effect.gen(function* () {
      const url = yield* freshDatabase
      const [row] = yield* ask(
        url,
        "select current_setting('server_encoding') as encoding, current_setting('timezone') as zone, " +
          "current_setting('fsync') as fsync, 'Z' < 'a' as by_code_point, upper('ä') as upper",
      )
      assert.deepStrictEqual(row, {
        encoding: "UTF8",
        zone: "UTC",
        fsync: "on",
        by_code_point: true,
        upper: "Ä",
      })
    }),
  )

  it.live("the embedded PostgreSQL keeps its password from others and wants it", () =>
    Effect.gen(function* () {
      const { folder, url } = yield* startPostgres()
      assert.strictEqual(statSync(join(folder, "password")).mode & 0o777, 0o600)
      assert.strictEqual(statSync(join(folder, "data")).mode & 0o777, 0o700)
      const wrong = new URL(url)
      wrong.password = "guess"
      assert.include(yield* Effect.flip(ask(wrong.href, "select 1")), "password authentication failed")
    }),
  )

  it.live("the embedded PostgreSQL starts although its pid file names another living process", () =>
    Effect.gen(function* () {
      const { folder, kill, start, url } = yield* startPostgres()
      yield* kill
      const file = join(folder, "data", "postmaster.pid")
      writeFileSync(file, readFileSync(file, "utf8").replace(/^\d+/, String(process.ppid)))
      yield* start
      assert.deepStrictEqual(yield* ask(url, "select 1 as one"), [{ one: 1 }])
    }),
  )

  it.live("the embedded PostgreSQL ends one that an earlier run left behind on the same folder", () =>
    Effect.gen(function* () {
      const folder = join(yield* temporaryFolder, "postgres")
      const first = yield* postgresServer({ folder, searchPath })
      const left = yield* first.start
      const second = yield* postgresServer({ folder, searchPath })
      yield* second.start
      assert.strictEqual(yield* left.ended, "signal SIGKILL")
      assert.isUndefined(startOf(left.pid))
      assert.deepStrictEqual(yield* ask(Redacted.value(second.url), "select 1 as one"), [{ one: 1 }])
    }),
  )

  it.live("the embedded PostgreSQL begins anew when it was interrupted while it made its data", () =>
    Effect.gen(function* () {
      const folder = join(yield* temporaryFolder, "postgres")
      mkdirSync(join(folder, "data.new"), { recursive: true, mode: 0o711 })
      chmodSync(folder, 0o711)
      writeFileSync(join(folder, "data.new", "PG_VERSION"), "half")
      const server = yield* postgresServer({ folder, searchPath })
      yield* server.start
      assert.deepStrictEqual(yield* ask(Redacted.value(server.url), "select 1 as one"), [{ one: 1 }])
    }),
  )

  it.live(
    "the embedded PostgreSQL runs below a folder that only its owner may enter, and never as root",
    () =>
      Effect.gen(function* () {
        const closed = join(yield* temporaryFolder, "closed")
        mkdirSync(closed, { mode: 0o700 })
        const folder = join(closed, "postgres")
        const server = yield* postgresServer({ folder, searchPath })
        yield* server.start
        assert.deepStrictEqual(yield* ask(Redacted.value(server.url), "select 1 as one"), [{ one: 1 }])
        assert.notStrictEqual(statSync(`/proc/${pidIn(folder)}`, { throwIfNoEntry: false })?.uid, 0)
      }),
  )

  it.live("that can't start says why", () =>
    Effect.gen(function* () {
      const folder = join(yield* temporaryFolder, "postgres")
      const server = yield* postgresServer({ folder, searchPath })
      writeFileSync(join(folder, "data", "PG_VERSION"), "12\n")
      const failure = yield* Effect.flip(Effect.scoped(server.start))
      assert.include(failure.message, "PostgreSQL ended at its start (exit code 1)")
      assert.include(failure.message, "initialized by PostgreSQL version 12")
    }),
  )
})
