import { Deferred, Duration, Effect, Fiber, Redacted, Schedule, type Scope, Stream } from "effect"
import { mkdirSync, readdirSync, statfsSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { NatsTarget } from "../nats/Connection.ts"
import { type Child, spawnChild } from "./ChildProcess.ts"
import { type NatsAccount, bracketed, natsAccount, natsConfig } from "./natsConfig.ts"
import { natsPortIn, wantedPortFree } from "./natsPort.ts"
import { natsProgram, toolsFolder } from "./natsProgram.ts"
import { type Command, endOrphans } from "./ProcessTable.ts"
import { ServerFailed } from "./ServerFailed.ts"
import { type Run, supervise } from "./supervise.ts"

/** The address of a NATS server, and the logins that clients have there. */
export interface NatsAccess {
  /** The login for start-up, which may create and change streams. */
  readonly setup: Redacted.Redacted<NatsTarget>
  /** The login for everything else. */
  readonly backend: Redacted.Redacted<NatsTarget>
  /** The backend's login as a url, for runtime.json. */
  readonly url: Redacted.Redacted
}

/** A configured nats-server that does not run yet. */
export interface NatsServer {
  readonly access: ReadonlyMap<string, NatsAccess>
  /** Starts it and waits until it serves; the end of the scope stops it. Same port and data every time. */
  readonly start: Effect.Effect<Run & Child, ServerFailed, Scope.Scope>
}

export interface NatsOptions {
  /** The folder of configuration and streams; made where missing. */
  readonly folder: string
  /** See `Settings.searchPath`. */
  readonly searchPath: string
  /** 0 or none takes a free one, and the same again at later starts. */
  readonly port?: number
  /** The address that it listens on; loopback where none is given. */
  readonly host?: string
  /** The public key that answers to agents' logins are signed with; without one agents can't log in. */
  readonly issuer?: string
}

const LOOPBACK = "127.0.0.1"
const READY_WITHIN = Duration.seconds(30)
/** The bytes that a server reads in a second on a slow disk: all its files, when it was not stopped in order. */
const READS = 50_000_000
const TOLD_AFTER = Duration.seconds(5)
const ROOM_TO_WRITE = 1024 * 1024
/** The room of a server that is to store nothing: every stream that has a record is above it. */
const NOTHING = "1"

const failed = (message: string, cause?: unknown) =>
  new ServerFailed({ server: "nats-server", message, ...(cause === undefined ? {} : { cause }) })

// nats-server refuses every write to a stream after one failed, without an answer, and says so once; only a restart
// ends that, and only after one it is known whether the record of that write is there.
const isFrozen = (line: string) => /critical write error|will be DISABLED|disabling JetStream/i.test(line)

const withoutTime = (line: string) => line.replace(/^\[\d+\] \S+ \S+ /, "")

const log = (text: string) => {
  const isTrouble = /^\[(WRN|ERR|FTL)\] (?!Plaintext passwords)/.test(text)
  return isTrouble ? Effect.logWarning(`nats-server: ${text}`) : Effect.logDebug(`nats-server: ${text}`)
}

const hasRoom = (folder: string) =>
  Effect.sync(() => {
    const { bavail, bsize } = statfsSync(folder)
    return bavail * bsize >= ROOM_TO_WRITE
  })

const untilRoom = (folder: string) =>
  hasRoom(folder).pipe(Effect.repeat({ schedule: Schedule.spaced("1 second"), until: (there) => there }))

/**
 * Pauses where there seems to be room: a write that failed all the same may fail again, and must not lead to
 * one restart after the other.
 */
const afterFreeze = (folder: string) =>
  Effect.flatMap(hasRoom(folder), (there) => (there ? Effect.sleep("1 second") : Effect.void))

/** The address at which this machine reaches a server that listens on `host`. */
const reachable = (host: string) => (host === "0.0.0.0" || host === "::" ? "127.0.0.1" : bracketed(host))

const accessOf = (host: string, port: number, { setup, backend }: NatsAccount): NatsAccess => {
  const at = `${reachable(host)}:${port}`
  return {
    setup: Redacted.make({ url: `nats://${at}`, ...setup }),
    backend: Redacted.make({ url: `nats://${at}`, ...backend }),
    url: Redacted.make(`nats://${backend.user}:${backend.pass}@${at}`),
  }
}

const sizeIn = (path: string) => statSync(path, { throwIfNoEntry: false })?.size ?? 0

/** The bytes that nats-server has to read before it is ready. */
const sizeOf = (folder: string) =>
  Effect.sync(() =>
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .reduce((sum, { name, parentPath }) => sum + sizeIn(join(parentPath, name)), 0),
  )

/** Ends with what the server says; fails where it takes longer than its files can account for. */
const withinReason = Effect.fn("EmbeddedNats.withinReason")(function* <Value, Failure>(
  folder: string,
  ready: Effect.Effect<Value, Failure>,
  last: () => string,
) {
  const size = yield* sizeOf(folder)
  const limit = Duration.sum(READY_WITHIN, Duration.seconds(Math.ceil(size / READS)))
  const megabytes = `${Math.ceil(size / 1_000_000).toLocaleString("en")} MB in ${folder}`
  const telling = Effect.logInfo(`nats-server: reading ${megabytes} ...`).pipe(
    Effect.delay(TOLD_AFTER),
    Effect.andThen(Effect.never),
  )
  return yield* Effect.raceFirst(ready, telling).pipe(
    Effect.timeoutOrElse({
      duration: limit,
      orElse: () =>
        Effect.fail(
          failed(
            `nats-server isn't ready after ${Duration.format(limit)} of reading ${megabytes}: ${last()}. ` +
              "A damaged file can make it read for ever: bring back a copy of its data that is whole " +
              "(docs/runbooks/damaged-log.md).",
          ),
        ),
    }),
  )
})

interface Configs {
  readonly usual: string
  /** The configuration for a full disk: reads are served, and every write is refused at once. */
  readonly full: string
}

const configsIn = (folder: string): Configs => ({
  usual: join(folder, "server.conf"),
  full: join(folder, "full.conf"),
})

const endOwnOrphans = (configs: Configs) =>
  endOrphans(
    "nats-server",
    ([name, ...args]: Command) =>
      name?.endsWith("nats-server") === true &&
      Object.values(configs).some((config) => args.includes(config)),
  )

const startIn = (folder: string, configs: Configs, program: string, searchPath: string) =>
  Effect.fn("EmbeddedNats.start")(function* () {
    yield* endOwnOrphans(configs)
    const isFull = !(yield* hasRoom(folder))
    const config = isFull ? configs.full : configs.usual
    if (isFull)
      yield* Effect.logError(`nats-server: no room in ${folder}, so it records nothing until there is`)
    const child = yield* spawnChild({
      program,
      args: ["-c", config],
      folder,
      searchPath,
      stopSignal: "SIGTERM",
      stopWithin: "10 seconds",
    })
    const ready = yield* Deferred.make<void>()
    const frozen = yield* Deferred.make<string>()
    let last = ""
    const reading = yield* Stream.fromQueue(child.lines).pipe(
      Stream.map(withoutTime),
      Stream.runForEach((line) => {
        last = line
        if (line.includes("Server is ready")) Deferred.doneUnsafe(ready, Effect.void)
        if (isFrozen(line)) Deferred.doneUnsafe(frozen, Effect.succeed(line))
        return log(line)
      }),
      Effect.forkScoped,
    )
    const gone = child.ended.pipe(
      Effect.tap(() => Fiber.await(reading)),
      Effect.flatMap((how) => Effect.fail(failed(`nats-server ended at its start (${how}): ${last}`))),
    )
    // While it reads it does not listen to SIGTERM, and may take more and more memory.
    yield* withinReason(folder, Effect.raceFirst(Deferred.await(ready), gone), () => last).pipe(
      Effect.tapError(() => child.signal("SIGKILL")),
    )
    const ended = Effect.map(child.ended, (how) => `it ended with ${how}`)
    const room = untilRoom(folder).pipe(Effect.as("there is room again"))
    const thawing = Deferred.await(frozen).pipe(Effect.tap(afterFreeze(folder)))
    return { ...child, over: Effect.raceFirst(ended, isFull ? room : thawing) }
  })

/** Writes the configuration of a nats-server with these accounts, with fresh passwords. */
export const natsServer = Effect.fn("EmbeddedNats.natsServer")(function* (
  { folder, host = LOOPBACK, issuer, port: wanted = 0, searchPath }: NatsOptions,
  names: ReadonlyArray<string>,
): Effect.fn.Return<NatsServer, ServerFailed> {
  const program = yield* natsProgram([toolsFolder, searchPath])
  const accounts = names.map(natsAccount)
  const [crew] = accounts
  const agents = crew === undefined || issuer === undefined ? undefined : { crew, issuer }
  const configs = configsIn(folder)
  const writing = <Value>(write: () => Value) =>
    Effect.try({
      try: write,
      catch: (cause) =>
        failed(`${folder} can't be written: ${cause instanceof Error ? cause.message : cause}`, cause),
    })
  yield* writing(() => mkdirSync(folder, { recursive: true, mode: 0o700 }))
  yield* endOwnOrphans(configs)
  const port = yield* natsPortIn(folder, host, wanted)
  yield* writing(() => {
    const write = (config: string, most?: string) =>
      writeFileSync(
        config,
        natsConfig(port, folder, accounts, agents, { host, ...(most === undefined ? {} : { most }) }),
        { mode: 0o600 },
      )
    write(configs.usual)
    write(configs.full, NOTHING)
  })
  return {
    access: new Map(accounts.map((account) => [account.name, accessOf(host, port, account)])),
    start: startIn(folder, configs, program, searchPath)(),
  }
})

/** A nats-server of our own that runs until the scope ends, whatever kills it meanwhile. */
export const embeddedNats = Effect.fn("EmbeddedNats.embeddedNats")(function* (options: NatsOptions) {
  const { access, start } = yield* natsServer(options, ["CREW"])
  yield* wantedPortFree(options.port ?? 0, options.host ?? LOOPBACK)
  yield* supervise("nats-server", start)
  const crew = access.get("CREW")
  return crew ?? (yield* failed("account CREW is missing"))
})
