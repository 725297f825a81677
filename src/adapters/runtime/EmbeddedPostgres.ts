import { Deferred, Duration, Effect, Fiber, Redacted, type Scope, Stream } from "effect"
import { createHash } from "node:crypto"
import { chownSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { type Child, type ChildCommand, type RunAs, spawnChild } from "./ChildProcess.ts"
import { freePort } from "./FreePort.ts"
import { type PostgresPrograms, postgresPrograms } from "./postgresProgram.ts"
import { type Command, endOrphans } from "./ProcessTable.ts"
import { PASSABLE, unprivileged } from "./runAs.ts"
import { randomSecret, secretFile } from "./SecretFile.ts"
import { ServerFailed } from "./ServerFailed.ts"
import { type Run, supervise } from "./supervise.ts"

/** A configured PostgreSQL that does not run yet. */
export interface PostgresServer {
  readonly url: Redacted.Redacted
  /** Starts it and waits until it serves; the end of the scope stops it. Same port and data every time. */
  readonly start: Effect.Effect<Run & Child, ServerFailed, Scope.Scope>
}

export interface PostgresOptions {
  /** The folder of data and password; made where missing. */
  readonly folder: string
  /** See `Settings.searchPath`. */
  readonly searchPath: string
}

interface Cluster extends PostgresOptions, PostgresPrograms {
  readonly data: string
  readonly port: number
  readonly password: string
  readonly runAs: RunAs | undefined
}

const USER = "crewlog"
const READY_WITHIN = Duration.minutes(2)

const failed = (message: string, cause?: unknown) =>
  new ServerFailed({ server: "PostgreSQL", message, ...(cause === undefined ? {} : { cause }) })

const attempt = <Value>(what: string, run: () => Value) =>
  Effect.try({
    try: run,
    catch: (cause) => failed(`${what}: ${cause instanceof Error ? cause.message : cause}`, cause),
  })

const commandOf = (
  { data, runAs, searchPath }: Cluster,
  program: string,
  args: ReadonlyArray<string>,
): ChildCommand => ({
  program,
  args,
  folder: dirname(data),
  runAs,
  searchPath,
  stopSignal: "SIGINT",
  stopWithin: "20 seconds",
})

/** Makes the data folder, whole or not at all. Text is UTF-8 and sorts by code point, on every machine alike. */
const initialise = Effect.fn("EmbeddedPostgres.initialise")(function* (cluster: Cluster) {
  const { data, initdb, password, runAs } = cluster
  if (existsSync(data)) return
  yield* Effect.logDebug("PostgreSQL: making a new database ...")
  const fresh = `${data}.new`
  const passwordFile = `${data}.password`
  yield* attempt(`${fresh} can't be written`, () => {
    rmSync(fresh, { recursive: true, force: true })
    mkdirSync(fresh, { mode: 0o700 })
    writeFileSync(passwordFile, password, { mode: 0o600 })
    if (runAs !== undefined) [fresh, passwordFile].forEach((path) => chownSync(path, runAs.uid, runAs.gid))
  })
  const output: Array<string> = []
  yield* Effect.scoped(
    Effect.gen(function* () {
      const child = yield* spawnChild(
        commandOf(cluster, initdb, [
          `--pgdata=${fresh}`,
          `--username=${USER}`,
          `--pwfile=${passwordFile}`,
          "--auth=scram-sha-256",
          "--encoding=UTF8",
          "--locale=C",
          "--locale-provider=builtin",
          "--builtin-locale=C.UTF-8",
        ]),
      )
      yield* Stream.runForEach(Stream.fromQueue(child.lines), (line) => Effect.sync(() => output.push(line)))
      const how = yield* child.ended
      if (how !== "exit code 0") return yield* failed(`initdb failed (${how}): ${output.slice(-3).join(" ")}`)
    }),
  ).pipe(Effect.ensuring(Effect.sync(() => rmSync(passwordFile, { force: true }))))
  yield* attempt(`${fresh} can't become ${data}`, () => renameSync(fresh, data))
})

const clusterName = (data: string) =>
  `crewlog-${createHash("sha256").update(data).digest("hex").slice(0, 12)}`

const settings = ({ data, port }: Cluster) => [
  "listen_addresses=127.0.0.1",
  `port=${port}`,
  "unix_socket_directories=",
  "max_connections=100",
  "shared_buffers=128MB",
  "timezone=UTC",
  "log_timezone=UTC",
  "log_line_prefix=",
  // Refused statements are the caller's business, and may quote text of members; this keeps them out of the log.
  "log_min_messages=log",
  "log_min_error_statement=panic",
  `cluster_name=${clusterName(data)}`,
]

const isOurs =
  (data: string) =>
  ([name = "", ...args]: Command) =>
    name.startsWith(`postgres: ${clusterName(data)}: `) || (name.endsWith("postgres") && args.includes(data))

const log = (line: string) => {
  const text = `PostgreSQL: ${line}`
  return /^(FATAL|PANIC|WARNING):/.test(line) ? Effect.logWarning(text) : Effect.logDebug(text)
}

const start = Effect.fn("EmbeddedPostgres.start")(function* (cluster: Cluster) {
  const { data, postgres } = cluster
  yield* endOrphans("PostgreSQL", isOurs(data))
  // Its pid may belong to another process by now, which PostgreSQL would take for a server on this data.
  yield* attempt(`${data} can't be written`, () => rmSync(join(data, "postmaster.pid"), { force: true }))
  const child = yield* spawnChild(
    commandOf(cluster, postgres, ["-D", data, ...settings(cluster).flatMap((setting) => ["-c", setting])]),
  )
  const ready = yield* Deferred.make<void>()
  let last = ""
  const reading = yield* Stream.fromQueue(child.lines).pipe(
    Stream.runForEach((line) => {
      if (!line.startsWith("LOG:")) last = line
      if (line.includes("database system is ready to accept connections"))
        Deferred.doneUnsafe(ready, Effect.void)
      return log(line)
    }),
    Effect.forkScoped,
  )
  const gone = child.ended.pipe(
    Effect.tap(() => Fiber.await(reading)),
    Effect.flatMap((how) => Effect.fail(failed(`PostgreSQL ended at its start (${how}): ${last}`))),
  )
  yield* Effect.raceFirst(Deferred.await(ready), gone).pipe(
    Effect.timeoutOrElse({
      duration: READY_WITHIN,
      orElse: () =>
        Effect.fail(failed(`PostgreSQL isn't ready after ${Duration.format(READY_WITHIN)}: ${last}`)),
    }),
  )
  return { ...child, over: Effect.map(child.ended, (how) => `it ended with ${how}`) }
})

const clusterIn = Effect.fn("EmbeddedPostgres.clusterIn")(function* ({
  folder,
  searchPath,
}: PostgresOptions) {
  const data = join(folder, "data")
  const programs = yield* postgresPrograms
  const port = yield* freePort.pipe(
    Effect.mapError(({ message }) => failed(`no free port on 127.0.0.1: ${message}`)),
  )
  const password = yield* attempt(`${folder} can't be written`, () => {
    mkdirSync(folder, { recursive: true, mode: PASSABLE })
    return secretFile(join(folder, "password"), randomSecret)
  })
  const runAs = yield* Effect.try({
    try: () => unprivileged(data, programs.postgres),
    catch: (cause) =>
      failed(
        `${cause instanceof Error ? cause.message : cause}. Run as an ordinary user, or set DATABASE_URL.`,
        cause,
      ),
  })
  return { ...programs, folder, searchPath, data, port, password, runAs }
})

/** Sees to it that there is a database in the folder, and gives it a free port. */
export const postgresServer = Effect.fn("EmbeddedPostgres.postgresServer")(function* (
  options: PostgresOptions,
): Effect.fn.Return<PostgresServer, ServerFailed> {
  const cluster = yield* clusterIn(options)
  yield* initialise(cluster)
  return {
    url: Redacted.make(`postgres://${USER}:${cluster.password}@127.0.0.1:${cluster.port}/postgres`),
    start: start(cluster),
  }
})

/** A PostgreSQL of our own that runs until the scope ends, whatever kills it meanwhile. Gives its url. */
export const embeddedPostgres = Effect.fn("EmbeddedPostgres.embeddedPostgres")(function* (
  options: PostgresOptions,
) {
  const { start: run, url } = yield* postgresServer(options)
  yield* supervise("PostgreSQL", run)
  return url
})
