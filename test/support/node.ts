import { Effect, Redacted, Schedule } from "effect"
import { spawn } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { prepareStreams } from "../../src/adapters/nats/streams.ts"
import type { NatsAccess } from "../../src/adapters/runtime/EmbeddedNats.ts"
import { searchPath, temporaryFolder } from "./servers.ts"

export const ADMIN_TOKEN = "tb-test-admin"
const KEY = "ab".repeat(32)

/** A Crewlog in a process of its own. */
export interface RunningNode {
  readonly url: string
  readonly gateway: string
  readonly metrics: string
  readonly pid: number
  readonly output: () => string
  /** kill -9 by default; waits until it is gone and answers its exit code. */
  readonly end: (signal?: NodeJS.Signals) => Effect.Effect<number | null>
}

/** The addresses of a node, which it tells once it is ready. */
interface Whereabouts {
  readonly pid: number
  readonly http: string
  readonly gateway: string
  readonly metrics: string
}

/** The servers of a node: several nodes may run on the same ones. */
export interface NodeServers {
  readonly nats: NatsAccess
  readonly databaseUrl: string
}

/** Starts a node on these servers and waits until it is ready. The scope kills it. */
export const startNode = Effect.fnUntraced(function* (
  { databaseUrl, nats }: NodeServers,
  {
    env = {},
    folder,
    program = ".",
  }: {
    readonly env?: Readonly<Record<string, string>>
    readonly folder?: string
    /** The folder of the program: another version of it than this one. */
    readonly program?: string
  } = {},
) {
  yield* prepareStreams(Redacted.value(nats.setup))
  const data = folder ?? join(yield* temporaryFolder, "data")
  const child = yield* Effect.acquireRelease(
    Effect.sync(() =>
      spawn(process.execPath, ["src/main.ts"], {
        cwd: program,
        env: {
          PATH: searchPath,
          CREWLOG_DATA: data,
          CREWLOG_PORT: "0",
          CREWLOG_GATEWAY_PORT: "0",
          CREWLOG_METRICS_PORT: "0",
          CREWLOG_ADMIN_TOKEN: ADMIN_TOKEN,
          CREWLOG_ENCRYPTION_KEY: KEY,
          NATS_URL: Redacted.value(nats.url),
          DATABASE_URL: databaseUrl,
          LOG_FORMAT: "json",
          ...env,
        },
        stdio: ["ignore", "pipe", "pipe"],
      }),
    ),
    (one) => Effect.sync(() => one.kill("SIGKILL")),
  )
  let output = ""
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (output += String(text)))
  const gone = new Promise<number | null>((resolve) => child.on("close", (code) => resolve(code)))
  const whereabouts = join(data, "runtime.json")
  const ready = Effect.suspend(() => {
    if (child.exitCode !== null)
      return Effect.die(new Error(`the node ended with ${child.exitCode}:\n${output}`))
    return existsSync(whereabouts)
      ? Effect.sync(() => JSON.parse(readFileSync(whereabouts, "utf8")) as Whereabouts)
      : Effect.fail("not yet" as const)
  })
  const found = yield* ready.pipe(
    Effect.filterOrFail(
      ({ pid }) => pid === child.pid,
      () => "not yet" as const,
    ),
    Effect.retry(Schedule.spaced("20 millis")),
    Effect.timeout("60 seconds"),
    Effect.orDie,
  )
  const node: RunningNode = {
    url: found.http,
    gateway: found.gateway,
    metrics: found.metrics,
    pid: found.pid,
    output: () => output,
    end: (signal = "SIGKILL") =>
      Effect.promise(() => {
        child.kill(signal)
        return gone
      }),
  }
  return node
})
