import { assert, describe, it } from "@effect/vitest"
import { connect, type NatsConnection } from "@nats-io/transport-node"
import { jetstream, JetStreamApiError, jetstreamManager } from "@nats-io/jetstream"
import { Deferred, Effect, Fiber, Logger, Redacted, Ref, References, Schedule } from "effect"
import { TestClock } from "effect/testing"
import { execFileSync, spawn } from "node:child_process"
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { NatsTarget } from "../../../src/adapters/nats/Connection.ts"
import { natsServer } from "../../../src/adapters/runtime/EmbeddedNats.ts"
import { freePort } from "../../../src/adapters/runtime/FreePort.ts"
import { natsProgram, toolsFolder } from "../../../src/adapters/runtime/natsProgram.ts"
import { startOf } from "../../../src/adapters/runtime/ProcessTable.ts"
import { supervise } from "../../../src/adapters/runtime/supervise.ts"
import { listening } from "../../support/listening.ts"
import { freshNats, searchPath, startNats, temporaryFolder } from "../../support/servers.ts"

const client = (target: Redacted.Redacted<NatsTarget>) => {
  const { pass, url, user } = Redacted.value(target)
  return Effect.acquireRelease(
    Effect.promise(() =>
      connect({
        servers: url,
        user: user!,
        pass: pass!,
        maxReconnectAttempts: -1,
        reconnectTimeWait: 20,
        timeout: 1_000,
      }),
    ),
    (connection) => Effect.promise(() => connection.close()),
  )
}

const makeStream = (connection: NatsConnection, name: string) =>
  Effect.promise(async () => {
    const manager = await jetstreamManager(connection)
    await manager.streams.add({ name, subjects: [`${name}.>`] })
  })

const publish = (connection: NatsConnection, subject: string, bytes = 1) =>
  Effect.tryPromise(() => jetstream(connection).publish(subject, new Uint8Array(bytes), { timeout: 500 }))

const eventually = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  effect.pipe(Effect.retry(Schedule.spaced("20 millis").pipe(Schedule.upTo({ duration: "30 seconds" }))))

/** A supervised nats-server, and the pid of its present run. */
const supervised = Effect.gen(function* () {
  const folder = join(yield* temporaryFolder, "nats")
  const server = yield* natsServer({ folder, searchPath }, ["CREW"])
  const pid = yield* Ref.make(0)
  yield* supervise(
    "nats-server",
    Effect.tap(server.start, (run) => Ref.set(pid, run.pid)),
  )
  return { access: server.access.get("CREW")!, folder, pid }
})

describe("the embedded nats-server", () => {
  it.live("the embedded nats-server is started again, with its data and on its port, when it is killed", () =>
    Effect.gen(function* () {
      const { access, pid } = yield* supervised
      const connection = yield* client(access.setup)
      yield* makeStream(connection, "CREW")
      yield* publish(connection, "CREW.one")
      const before = yield* Ref.get(pid)
      process.kill(before, "SIGKILL")
      const ack = yield* eventually(publish(connection, "CREW.two"))
      assert.strictEqual(ack.seq, 2)
      assert.notStrictEqual(yield* Ref.get(pid), before)
    }),
  )

  it.live.skipIf(process.platform !== "linux")(
    "is started again when it refuses writes after one that failed",
    () =>
      Effect.gen(function* () {
        const { access, pid } = yield* supervised
        const connection = yield* client(access.setup)
        yield* makeStream(connection, "CREW")
        const before = yield* Ref.get(pid)
        // A file size limit fails its writes as a full disk does.
        execFileSync("prlimit", ["--pid", String(before), "--fsize=65536"])
        yield* publish(connection, "CREW.big", 100_000).pipe(Effect.flip)
        yield* eventually(publish(connection, "CREW.big", 100_000))
        assert.notStrictEqual(yield* Ref.get(pid), before)
      }),
  )

  it.live("with the configuration for a full disk refuses every write at once, but knows what is there", () =>
    Effect.gen(function* () {
      const folder = join(yield* temporaryFolder, "nats")
      const server = yield* natsServer({ folder, searchPath }, ["CREW"])
      const access = server.access.get("CREW")!
      const again = { msgID: "two", expect: { lastSubjectSequence: 1 } }
      yield* Effect.gen(function* () {
        yield* server.start
        const connection = yield* client(access.setup)
        yield* makeStream(connection, "CREW")
        yield* publish(connection, "CREW.one")
        yield* Effect.promise(() => jetstream(connection).publish("CREW.one", "2", again))
      }).pipe(Effect.scoped)

      const program = yield* natsProgram([toolsFolder, searchPath])
      const config = join(folder, "full.conf")
      const full = yield* Effect.acquireRelease(
        Effect.sync(() => spawn(program, ["-c", config])),
        (process) => Effect.sync(() => process.kill("SIGKILL")),
      )
      yield* Effect.callback<void>((resume) => {
        full.stderr.on("data", (text) => String(text).includes("Server is ready") && resume(Effect.void))
      })
      const connection = yield* client(access.setup)
      const outcome = (...args: Parameters<ReturnType<typeof jetstream>["publish"]>) =>
        Effect.promise(() =>
          jetstream(connection)
            .publish(...args)
            .then(({ seq }) => seq)
            .catch((error: unknown) => (error instanceof JetStreamApiError ? error.code : String(error))),
        )
      const insufficient = 10_023
      assert.strictEqual(yield* outcome("CREW.one", "3"), insufficient)
      assert.strictEqual(yield* outcome("CREW.other", "1"), insufficient)
      const wrongSequence = 10_071
      assert.strictEqual(yield* outcome("CREW.one", "2", again), wrongSequence)
    }),
  )

  it.live("the embedded nats-server lets the backend do everything but change the log", () =>
    Effect.gen(function* () {
      const access = yield* freshNats
      const setup = yield* client(access.setup)
      yield* makeStream(setup, "CREW")
      const backend = yield* client(access.backend)
      yield* publish(backend, "CREW.one")
      const manager = yield* Effect.promise(() => jetstreamManager(backend))
      assert.strictEqual((yield* Effect.promise(() => manager.streams.info("CREW"))).state.messages, 1)
      yield* makeStream(backend, "OTHER")
      const changes: Record<string, () => Promise<unknown>> = {
        create: () => manager.streams.add({ name: "CREW_SIGNALS", subjects: ["signals"] }),
        update: () => manager.streams.update("CREW", { max_age: 1_000_000_000 }),
        purge: () => manager.streams.purge("CREW"),
        "delete a record": () => manager.streams.deleteMessage("CREW", 1),
        delete: () => manager.streams.delete("CREW"),
      }
      for (const [what, change] of Object.entries(changes)) {
        const refusal = yield* Effect.flip(Effect.asVoid(Effect.tryPromise({ try: change, catch: String })))
        assert.include(refusal, "Permissions Violation", what)
      }
    }),
  )

  it.live("the embedded nats-server keeps its passwords from others and wants one", () =>
    Effect.gen(function* () {
      const { access, folder } = yield* startNats()
      assert.strictEqual(statSync(join(folder, "server.conf")).mode & 0o777, 0o600)
      const { url } = Redacted.value(access.backend)
      const refusal = yield* Effect.flip(
        Effect.tryPromise({ try: () => connect({ servers: url, reconnect: false }), catch: String }),
      )
      assert.include(refusal, "Authorization Violation")
    }),
  )

  it.live("the embedded nats-server ends one that an earlier run left behind on the same folder", () =>
    Effect.gen(function* () {
      const folder = join(yield* temporaryFolder, "nats")
      const first = yield* natsServer({ folder, searchPath }, ["CREW"])
      const left = yield* first.start
      const second = yield* natsServer({ folder, searchPath }, ["CREW"])
      yield* second.start
      assert.strictEqual(yield* left.ended, "signal SIGKILL")
      assert.isUndefined(startOf(left.pid))
    }),
  )

  it.live(
    "the embedded nats-server leaves other programs alone that have its configuration in their arguments",
    () =>
      Effect.gen(function* () {
        const { folder, start, stop } = yield* startNats()
        const bystander = yield* Effect.acquireRelease(
          Effect.sync(() => spawn("sh", ["-c", "sleep 60; true", join(folder, "server.conf")])),
          (process) => Effect.sync(() => process.kill("SIGKILL")),
        )
        yield* stop
        yield* start
        assert.isNull(bystander.exitCode ?? bystander.signalCode)
      }),
  )

  it.live("that can't start says why", () =>
    Effect.gen(function* () {
      const folder = join(yield* temporaryFolder, "nats")
      const port = yield* freePort
      yield* listening(port)
      const { start } = yield* natsServer({ folder, port, searchPath }, ["CREW"])
      const failure = yield* Effect.flip(Effect.scoped(start))
      assert.match(failure.message, /ended at its start \(exit code 1\): .*address already in use/)
    }),
  )

  const STARTS = "Starting restore for stream 'CREW > LOG'"

  it.effect("that reads a damaged file for ever is ended, with what to do", () =>
    Effect.gen(function* () {
      const folder = join(yield* temporaryFolder, "nats")
      const server = yield* natsServer({ folder, searchPath }, ["CREW"])
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* server.start
          const connection = yield* client(server.access.get("CREW")!.setup)
          yield* makeStream(connection, "LOG")
          for (const subject of ["LOG.a", "LOG.b"]) yield* publish(connection, subject)
        }),
      )
      const block = join(folder, "jetstream", "CREW", "streams", "LOG", "msgs", "1.blk")
      const bytes = readFileSync(block)
      // The sequence of the second record, behind its length: 2^52 more than it was.
      const second = bytes.readUInt32LE(0) & 0x7fff_ffff
      bytes[second + 10] = bytes[second + 10]! ^ 0b1_0000
      writeFileSync(block, bytes)
      const reads = yield* Deferred.make<void>()
      const logger = Logger.make(({ message }) => {
        if (String(message).includes(STARTS)) Deferred.doneUnsafe(reads, Effect.void)
      })
      const failing = yield* Effect.flip(Effect.scoped(server.start)).pipe(
        Effect.provide(Logger.layer([logger])),
        Effect.provideService(References.MinimumLogLevel, "Debug"),
        Effect.forkChild,
      )
      yield* Deferred.await(reads)
      yield* TestClock.adjust("31 seconds")
      const { message } = yield* Fiber.join(failing)
      assert.match(message, /^nats-server isn't ready after 31s of reading 1 MB in /)
      assert.include(message, `${STARTS}. A damaged file`)
      assert.match(
        message,
        /: bring back a copy of its data that is whole \(docs\/runbooks\/damaged-log\.md\)\.$/,
      )
    }),
  )

  it.live("that is too old is refused with what to do", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const programs = join(folder, "programs")
      mkdirSync(programs)
      writeFileSync(join(programs, "nats-server"), "#!/bin/sh\necho nats-server: v2.11.9\n", { mode: 0o755 })
      const refusal = yield* Effect.flip(natsProgram([programs]))
      assert.strictEqual(
        refusal.message,
        `${join(programs, "nats-server")} is nats-server: v2.11.9, but 2.12 or newer is needed: run \`make setup\`, or update it`,
      )
    }),
  )

  it.live("that is missing is refused with what to do", () =>
    Effect.gen(function* () {
      const refusal = yield* Effect.flip(natsProgram([yield* temporaryFolder]))
      assert.strictEqual(
        refusal.message,
        "no nats-server found: run `make setup`, or set NATS_URL to a running one",
      )
    }),
  )
})
