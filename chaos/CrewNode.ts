import { Effect, Fiber } from "effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { spawnChild } from "../src/adapters/runtime/ChildProcess.ts"
import { FaultProxy } from "./FaultProxy.ts"
import { type Scene, searchPath } from "./Scene.ts"
import { emptyFolder, linesOf, Server } from "./Server.ts"
import { until } from "./waiting.ts"

const ROOT = fileURLToPath(new URL("..", import.meta.url))
export const MAIN = "src/main.ts"
const READY_WITHIN = 30_000

export interface NodeOptions {
  readonly name: string
  readonly settings: Readonly<Record<string, string>>
  /** The program that is run, perhaps with a planted fault. */
  readonly main?: string
  readonly data?: string
}

interface Runtime {
  readonly pid: number
  readonly http: string
  readonly nats: string
  readonly postgres: string
}

/** A program that starts removes what one that was killed left behind: the file may go while we look. */
const runtimeIn = (data: string): Runtime | undefined => {
  try {
    return JSON.parse(readFileSync(join(data, "runtime.json"), "utf8")) as Runtime
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined
    throw error
  }
}

/** A whole Crewlog as a process, behind a proxy so that its address stays the same over restarts. */
export class CrewNode {
  readonly name: string
  readonly data: string
  readonly proxy: FaultProxy
  /** Everything that it ever printed. */
  readonly output: Array<string> = []
  readonly #scene: Scene
  readonly #server: Server
  #endedWith: string | undefined

  private constructor(scene: Scene, options: NodeOptions, proxy: FaultProxy) {
    this.#scene = scene
    this.name = options.name
    this.data = options.data ?? join(scene.folder, options.name)
    this.proxy = proxy
    this.#server = new Server(scene, this.#run(options))
  }

  /** Not started yet. */
  static async make(scene: Scene, options: NodeOptions): Promise<CrewNode> {
    const proxy = await FaultProxy.to(undefined)
    scene.onEnd(() => proxy.close())
    scene.own(proxy.port)
    return new CrewNode(scene, options, proxy)
  }

  /** Through the proxy. */
  get http(): string {
    return `http://127.0.0.1:${this.proxy.port}`
  }
  get pid(): number {
    return this.#server.pid
  }
  /** The end of the process, by itself or by a kill; undefined while it runs. */
  get endedWith(): string | undefined {
    return this.#endedWith
  }
  /** The addresses of the running program; undefined while it is not ready. */
  get runtime(): Runtime | undefined {
    const runtime = runtimeIn(this.data)
    return runtime?.pid === this.pid ? runtime : undefined
  }

  /** Starts the process; it is ready only later, or never. */
  async launch(): Promise<void> {
    this.proxy.target = undefined
    this.#endedWith = undefined
    await this.#server.start()
    void this.#server.ended.then((how) => (this.#endedWith = how))
  }

  async start(): Promise<void> {
    await this.launch()
    const { http } = await until(
      `${this.name} is ready`,
      () => {
        if (this.endedWith !== undefined) {
          throw new Error(`${this.name} ended at its start: ${this.endedWith}: ${this.lastWords}`)
        }
        return this.runtime
      },
      READY_WITHIN,
    )
    this.proxy.target = { host: "127.0.0.1", port: Number(new URL(http).port) }
  }

  kill(): Promise<void> {
    this.proxy.target = undefined
    return this.#server.kill()
  }
  stop(): Promise<void> {
    this.proxy.target = undefined
    return this.#server.stop()
  }
  freeze(): void {
    this.#server.freeze()
  }
  thaw(): void {
    this.#server.thaw()
  }

  get lastWords(): string {
    return this.output.slice(-3).join(" | ").slice(-600)
  }

  #run({ main = MAIN, settings }: NodeOptions) {
    const environment = {
      PATH: searchPath,
      CREWLOG_DATA: this.data,
      CREWLOG_PORT: "0",
      CREWLOG_GATEWAY_PORT: "0",
      CREWLOG_METRICS_PORT: "0",
      ...settings,
    }
    return Effect.gen({ self: this }, function* () {
      emptyFolder(this.data)
      const child = yield* spawnChild({
        program: "/usr/bin/env",
        args: [
          "-i",
          ...Object.entries(environment).map(([name, value]) => `${name}=${value}`),
          process.execPath,
          join(ROOT, main),
        ],
        folder: this.#scene.folder,
        searchPath,
        stopSignal: "SIGTERM",
        stopWithin: "15 seconds",
      })
      const reading = yield* linesOf(child, (line) => this.output.push(line))
      // Its last words are the reason.
      return { ...child, ended: Effect.tap(child.ended, () => Fiber.await(reading)) }
    })
  }
}
