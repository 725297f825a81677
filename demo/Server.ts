import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { chmodSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { setTimeout as pause } from "node:timers/promises"

/** A member that is silent for so long is offline: short, so that nobody has to wait for it. */
export const PRESENCE_TIMEOUT = "4 seconds"

const READY_WITHIN = 90_000
const STOPPED_WITHIN = 30_000
const LOOK_EVERY = 100
const LINES_KEPT = 15

/** The addresses of a server, and the token of its admin. */
export interface Whereabouts {
  readonly url: string
  readonly adminToken: string
}

/** A server of our own on a data folder of its own: an outside NATS or PostgreSQL is never touched. */
export class Server {
  readonly #folder: string
  readonly #child: ChildProcess
  readonly #exited: Promise<unknown>
  /** The end of what it printed. */
  readonly lines: Array<string> = []

  /** Starts the process; `ready` says when it can be used, `stop` is due from now on. */
  constructor(environment: NodeJS.ProcessEnv) {
    this.#folder = mkdtempSync(join(tmpdir(), "crewlog-demo-"))
    // PostgreSQL doesn't run as root: where we are root, its user has to get through here.
    chmodSync(this.#folder, 0o711)
    this.#child = spawn(process.execPath, ["--import", "./demo/leash.ts", "src/main.ts"], {
      cwd: join(import.meta.dirname, ".."),
      env: { ...withoutSettings(environment), ...settings(this.#folder) },
      // A group of its own: Ctrl-C reaches us alone, and we stop it when the crew has left.
      detached: true,
      stdio: ["pipe", "pipe", "pipe"],
    })
    this.#exited = once(this.#child, "exit")
    this.#exited.catch(() => {})
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      if (stream !== null) createInterface({ input: stream }).on("line", (line) => this.#keep(line))
    }
  }

  /** Waits until it has said where it is and that it is ready. */
  async ready(): Promise<Whereabouts> {
    const until = performance.now() + READY_WITHIN
    while (performance.now() < until) {
      if (this.#ended !== undefined) throw new Error(`the server did not start: ${this.#ended}`)
      const url = this.#announced()
      if (url !== undefined && (await isReady(url))) {
        return { url, adminToken: readFileSync(join(this.#folder, "admin-token"), "utf8").trim() }
      }
      await pause(LOOK_EVERY)
    }
    throw new Error(`the server was not ready within ${READY_WITHIN / 1000} s`)
  }

  /** Asks it to stop, waits for its end and removes its data. Says how it ended. */
  async stop(): Promise<string> {
    if (this.#ended === undefined) {
      this.#child.kill("SIGTERM")
      const overdue = setTimeout(() => this.#child.kill("SIGKILL"), STOPPED_WITHIN)
      await this.#exited.catch(() => {})
      clearTimeout(overdue)
    }
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5 })
    return this.#ended ?? "no process"
  }

  get #ended(): string | undefined {
    const { exitCode, pid, signalCode } = this.#child
    if (pid === undefined) return "no process"
    if (signalCode !== null) return `ended by ${signalCode}`
    return exitCode === null ? undefined : `exit code ${exitCode}`
  }

  #announced(): string | undefined {
    try {
      const { http } = JSON.parse(readFileSync(join(this.#folder, "runtime.json"), "utf8"))
      return typeof http === "string" ? http : undefined
    } catch {
      return undefined
    }
  }

  #keep(line: string): void {
    this.lines.push(line)
    if (this.lines.length > LINES_KEPT) this.lines.shift()
  }
}

const isReady = async (url: string): Promise<boolean> => {
  try {
    const response = await fetch(new URL("/readyz", url), { signal: AbortSignal.timeout(2_000) })
    await response.arrayBuffer()
    return response.ok
  } catch {
    return false
  }
}

const settings = (folder: string) => ({
  CREWLOG_DATA: folder,
  CREWLOG_PORT: "0",
  CREWLOG_GATEWAY_PORT: "0",
  CREWLOG_METRICS_PORT: "0",
  CREWLOG_PRESENCE_TIMEOUT: PRESENCE_TIMEOUT,
  LOG_FORMAT: "pretty",
})

/** The caller's environment without what would make the server another one than we mean. */
const withoutSettings = (environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(
    Object.entries(environment).filter(
      ([name]) => !/^(CREWLOG_|OTEL_|LOG_)|^(NATS_URL|DATABASE_URL|NODE_OPTIONS)$/.test(name),
    ),
  )
