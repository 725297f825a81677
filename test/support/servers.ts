import { Effect, Exit, Redacted, References, Scope } from "effect"
import { randomUUID } from "node:crypto"
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, statfsSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import postgres from "postgres"
import { inject } from "vitest"
import type { TestProject } from "vitest/node"
import type { Child } from "../../src/adapters/runtime/ChildProcess.ts"
import { type NatsAccess, natsServer } from "../../src/adapters/runtime/EmbeddedNats.ts"
import { postgresServer } from "../../src/adapters/runtime/EmbeddedPostgres.ts"
import type { ServerFailed } from "../../src/adapters/runtime/ServerFailed.ts"
import type { NatsTarget } from "../../src/adapters/nats/Connection.ts"

interface SharedServers {
  readonly folder: string
  readonly databaseUrl: string
  readonly accounts: ReadonlyArray<{
    readonly setup: NatsTarget
    readonly backend: NatsTarget
    readonly url: string
  }>
}

declare module "vitest" {
  interface ProvidedContext {
    servers: SharedServers
  }
}

/** The number of times that one test run may call `freshNats`. */
const ACCOUNTS = 200
const ROOM_IN_MEMORY = 2 * 1024 ** 3

export const searchPath = process.env["PATH"] ?? ""

const memory = () => {
  const path = "/dev/shm"
  if (!existsSync(path)) return undefined
  const { bavail, bsize } = statfsSync(path)
  return bavail * bsize > ROOM_IN_MEMORY ? path : undefined
}

const makeFolder = () => {
  const folder = mkdtempSync(join(memory() ?? tmpdir(), "crewlog-test-"))
  // As root, PostgreSQL runs as somebody else and must get through.
  chmodSync(folder, 0o711)
  return folder
}

/** An empty folder for one test, gone with the scope. */
export const temporaryFolder = Effect.acquireRelease(Effect.sync(makeFolder), (folder) =>
  Effect.sync(() => rmSync(folder, { recursive: true, force: true })),
)

const startShared = Effect.gen(function* () {
  const folder = yield* temporaryFolder
  const names = Array.from({ length: ACCOUNTS }, (_, index) => `T${index}`)
  const start = Effect.all(
    [
      natsServer({ folder: join(folder, "nats"), searchPath }, names).pipe(
        Effect.tap((server) => server.start),
      ),
      postgresServer({ folder: join(folder, "postgres"), searchPath }).pipe(
        Effect.tap((server) => server.start),
      ),
    ],
    { concurrency: 2 },
  )
  const [nats, database] = yield* Effect.provideService(start, References.MinimumLogLevel, "Error")
  mkdirSync(join(folder, "claims"))
  const accounts = [...nats.access.values()].map(({ backend, setup, url }) => ({
    setup: Redacted.value(setup),
    backend: Redacted.value(backend),
    url: Redacted.value(url),
  }))
  return { folder, databaseUrl: Redacted.value(database.url), accounts }
})

/** Runs once for all test files (vitest's globalSetup): one nats-server and one PostgreSQL. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const scope = Scope.makeUnsafe()
  const stop = () => Effect.runPromise(Scope.close(scope, Exit.void))
  try {
    project.provide("servers", await Effect.runPromise(Scope.provide(startShared, scope)))
  } catch (error) {
    await stop()
    throw error
  }
  return stop
}

const claim = (folder: string, index: number): number => {
  if (index === ACCOUNTS) throw new Error(`a test run may use ${ACCOUNTS} NATS accounts: raise ACCOUNTS`)
  try {
    mkdirSync(join(folder, "claims", String(index)))
    return index
  } catch {
    return claim(folder, index + 1)
  }
}

/** A NATS account on the shared nats-server that nobody else uses: no streams yet. */
export const freshNats: Effect.Effect<NatsAccess> = Effect.sync(() => {
  const { accounts, folder } = inject("servers")
  const { backend, setup, url } = accounts[claim(folder, 0)]!
  return { setup: Redacted.make(setup), backend: Redacted.make(backend), url: Redacted.make(url) }
})

/** The url of an empty database on the shared PostgreSQL, dropped with the scope. */
export const freshDatabase: Effect.Effect<string, never, Scope.Scope> = Effect.gen(function* () {
  const { databaseUrl } = inject("servers")
  const sql = yield* Effect.acquireRelease(
    Effect.sync(() => postgres(databaseUrl, { max: 1, onnotice: () => {} })),
    (client) => Effect.promise(() => client.end({ timeout: 5 })),
  )
  const name = `test_${randomUUID().replaceAll("-", "")}`
  yield* Effect.acquireRelease(
    Effect.promise(() => sql.unsafe(`create database ${name}`)),
    () => Effect.promise(() => sql.unsafe(`drop database if exists ${name} with (force)`)),
  )
  const url = new URL(databaseUrl)
  url.pathname = `/${name}`
  return url.href
})

/** A server for one test, which may do to it what it likes. Data and port stay the same over restarts. */
export interface PrivateServer {
  readonly start: Effect.Effect<void, ServerFailed>
  /** Ends it in order. */
  readonly stop: Effect.Effect<void>
  /** kill -9, and waits until it is gone. */
  readonly kill: Effect.Effect<void>
  readonly signal: (signal: NodeJS.Signals) => Effect.Effect<void>
}

const controlled = Effect.fnUntraced(function* (
  run: Effect.Effect<Child, ServerFailed, Scope.Scope>,
): Effect.fn.Return<PrivateServer, ServerFailed, Scope.Scope> {
  let scope = Scope.makeUnsafe()
  let child: Child | undefined
  const stop = Effect.suspend(() => Scope.close(scope, Exit.void))
  const start = Effect.gen(function* () {
    yield* stop
    scope = Scope.makeUnsafe()
    child = yield* Scope.provide(run, scope)
  })
  const signal = (name: NodeJS.Signals) => Effect.suspend(() => child?.signal(name) ?? Effect.void)
  yield* Effect.acquireRelease(start, () => stop)
  return {
    start,
    stop,
    signal,
    kill: signal("SIGKILL").pipe(
      Effect.andThen(Effect.suspend(() => child?.ended ?? Effect.void)),
      Effect.asVoid,
    ),
  }
})

/** A running nats-server with one account, and its folder. */
export const startNats = Effect.fnUntraced(function* () {
  const folder = join(yield* temporaryFolder, "nats")
  const server = yield* natsServer({ folder, searchPath }, ["CREW"])
  return { ...(yield* controlled(server.start)), access: server.access.get("CREW")!, folder }
})

/** A running PostgreSQL, its url and its folder. */
export const startPostgres = Effect.fnUntraced(function* () {
  const folder = join(yield* temporaryFolder, "postgres")
  const server = yield* postgresServer({ folder, searchPath })
  return { ...(yield* controlled(server.start)), url: Redacted.value(server.url), folder }
})
