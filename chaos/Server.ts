import { Effect, Exit, Redacted, Scope, Stream } from "effect"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { NatsTarget } from "../src/adapters/nats/Connection.ts"
import type { Child } from "../src/adapters/runtime/ChildProcess.ts"
import { natsServer } from "../src/adapters/runtime/EmbeddedNats.ts"
import { postgresServer } from "../src/adapters/runtime/EmbeddedPostgres.ts"
import type { ServerFailed } from "../src/adapters/runtime/ServerFailed.ts"
import { descendantsOf, signalTo } from "./processes.ts"
import { quietly, type Scene, searchPath } from "./Scene.ts"

type Start = Effect.Effect<Child, ServerFailed, Scope.Scope>

/** A child process that is killed, frozen and started again; on the same data and port each time. */
export class Server {
  readonly #run: Start
  #scope = Scope.makeUnsafe()
  #child: Child | undefined

  constructor(scene: Scene, run: Start) {
    this.#run = run
    scene.onEnd(() => this.stop())
  }

  get pid(): number {
    return this.#child?.pid ?? 0
  }

  /** Waits until it serves. */
  async start(): Promise<void> {
    await this.stop()
    this.#scope = Scope.makeUnsafe()
    this.#child = await quietly(Scope.provide(this.#run, this.#scope))
  }

  async stop(): Promise<void> {
    this.thaw()
    await quietly(Scope.close(this.#scope, Exit.void))
  }

  /** kill -9, and waits until it is gone. */
  async kill(): Promise<void> {
    if (this.#child === undefined) return
    this.#signal("SIGKILL")
    await quietly(this.#child.ended)
  }

  /** Waits until it ends by itself, and says how. */
  get ended(): Promise<string> {
    return this.#child === undefined ? Promise.resolve("never started") : quietly(this.#child.ended)
  }

  freeze(): void {
    for (const { pid } of descendantsOf(this.pid)) signalTo(pid, "SIGSTOP")
    this.#signal("SIGSTOP")
  }

  thaw(): void {
    this.#signal("SIGCONT")
    if (this.pid !== 0) for (const { pid } of descendantsOf(this.pid)) signalTo(pid, "SIGCONT")
  }

  #signal(signal: NodeJS.Signals): void {
    if (this.#child !== undefined) Effect.runSync(this.#child.signal(signal))
  }
}

export interface NatsHost extends Server {
  readonly target: NatsTarget
  /** With a login that may make streams, as an outside server gives one. */
  readonly url: string
  readonly port: number
  readonly folder: string
}

/** A nats-server as the program would run it, or with another `sync_interval`. Not started yet. */
export const nats = async (
  scene: Scene,
  folder = join(scene.folder, "nats"),
  syncInterval = "always",
): Promise<NatsHost> => {
  const { access, start } = await scene.run(natsServer({ folder, searchPath }, ["CREW"]))
  const config = join(folder, "server.conf")
  writeFileSync(
    config,
    readFileSync(config, "utf8").replace("sync_interval: always", `sync_interval: ${syncInterval}`),
  )
  const account = access.get("CREW")
  if (account === undefined) throw new Error("nats-server has no account CREW")
  const target = Redacted.value(account.setup)
  const { host, port } = new URL(target.url)
  scene.own(Number(port))
  return Object.assign(new Server(scene, start), {
    target,
    folder,
    port: Number(port),
    url: `nats://${target.user}:${target.pass}@${host}`,
  })
}

export interface PostgresHost extends Server {
  readonly url: string
  readonly port: number
}

/** A PostgreSQL as the program would run it. Not started yet. */
export const postgres = async (scene: Scene, name = "postgres"): Promise<PostgresHost> => {
  const server = await scene.run(postgresServer({ folder: join(scene.folder, name), searchPath }))
  const url = Redacted.value(server.url)
  const port = Number(new URL(url).port)
  scene.own(port)
  return Object.assign(new Server(scene, server.start), { url, port })
}

/** Reads a child's output so that its pipe never fills up. */
export const linesOf = (child: Child, each: (line: string) => void) =>
  Stream.fromQueue(child.lines).pipe(
    Stream.runForEach((line) => Effect.sync(() => each(line))),
    Effect.forkScoped,
  )

export const emptyFolder = (path: string): string => {
  mkdirSync(path, { recursive: true, mode: 0o711 })
  return path
}
