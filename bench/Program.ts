import { type ChildProcess, spawn } from "node:child_process"
import { existsSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { pause } from "./figures.ts"
import { childrenOf } from "./processes.ts"
import type { Stage } from "./Stage.ts"

export const ROOT = fileURLToPath(new URL("..", import.meta.url))
export const ADMIN = "bench-admin-token"
const READY_WITHIN = 300_000

interface Whereabouts {
  readonly pid: number
  readonly http: string
  /** NATS, as agents log in. */
  readonly agents: string
  readonly gateway: string
  readonly nats: string
  readonly postgres: string
}

/** Asks a process to end, and makes it when it does not. */
export const endProcess = async (child: ChildProcess, signal: NodeJS.Signals = "SIGTERM"): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise<void>((resume) => child.once("exit", () => resume()))
  child.kill(signal)
  const timer = setTimeout(() => child.kill("SIGKILL"), 20_000)
  await gone
  clearTimeout(timer)
}

/** The whole program as its users run it: one process with its own nats-server and PostgreSQL. */
export class Program {
  readonly #stage: Stage
  readonly data: string
  readonly #settings: Readonly<Record<string, string>>
  #child: ChildProcess | undefined
  #where: Whereabouts | undefined
  output = ""

  constructor(stage: Stage, data: string, settings: Readonly<Record<string, string>> = {}) {
    this.#stage = stage
    this.data = data
    this.#settings = settings
    this.#stage.onEnd(() => this.stop())
  }

  get pid(): number {
    return this.#child?.pid ?? 0
  }
  get where(): Whereabouts {
    if (this.#where === undefined) throw new Error("the program does not run")
    return this.#where
  }
  get natsPid(): number {
    return childrenOf(this.pid, /nats-server -c/)[0] ?? 0
  }
  /** The first process of PostgreSQL, which the others come from. */
  get postgresPid(): number {
    return childrenOf(this.pid, /postgres -D/)[0] ?? 0
  }

  /** Starts it and answers how many milliseconds it took until it was ready. */
  async start(): Promise<number> {
    const file = join(this.data, "runtime.json")
    rmSync(file, { force: true })
    const started = performance.now()
    const profile = process.env["BENCH_PROFILE"]
    const profiled = profile === undefined ? [] : ["--cpu-prof", "--cpu-prof-dir", profile]
    const child = spawn(process.execPath, [...profiled, "src/main.ts"], {
      cwd: ROOT,
      env: {
        PATH: process.env["PATH"] ?? "",
        CREWLOG_DATA: this.data,
        CREWLOG_PORT: "0",
        CREWLOG_GATEWAY_PORT: "0",
        CREWLOG_METRICS_PORT: "0",
        CREWLOG_ADMIN_TOKEN: ADMIN,
        CREWLOG_RATE_LIMIT: "1000000",
        CREWLOG_MAX_CLAIMS: "1000000",
        CREWLOG_DAILY_BYTES: "1000000000000",
        LOG_FORMAT: "json",
        ...this.#settings,
      },
      stdio: ["ignore", "pipe", "pipe"],
    })
    this.#child = child
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (text) => (this.output += String(text)))
    while (!existsSync(file)) {
      if (child.exitCode !== null)
        throw new Error(`the program ended at its start:\n${this.output.slice(-2_000)}`)
      if (performance.now() - started > READY_WITHIN) throw new Error("the program does not become ready")
      await pause(2)
    }
    const took = performance.now() - started
    this.#where = JSON.parse(readFileSync(file, "utf8")) as Whereabouts
    return took
  }

  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    if (this.#child !== undefined) await endProcess(this.#child, signal)
    this.#child = undefined
  }
}
