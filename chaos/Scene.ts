import { Effect, Exit, References, Scope } from "effect"
import { chmodSync, mkdtempSync, rmSync } from "node:fs"
import { join } from "node:path"

export const searchPath = process.env["PATH"] ?? ""

/**
 * Everything that one run started: servers, nodes, folders. It ends with the run, also when that fails or is
 * interrupted. Knows the ports of what it started, so that nothing else is ever spoken to.
 */
export class Scene {
  readonly folder: string
  readonly #scope = Scope.makeUnsafe()
  readonly #ports = new Set<number>()

  constructor(parent: string) {
    this.folder = mkdtempSync(join(parent, "crewlog-chaos-"))
    // As root, PostgreSQL runs as somebody else and must get through.
    chmodSync(this.folder, 0o711)
    this.onEnd(() => rmSync(this.folder, { recursive: true, force: true }))
  }

  /** Runs an effect; what it acquires lives as long as the scene. */
  run<Value, Failure>(effect: Effect.Effect<Value, Failure, Scope.Scope>): Promise<Value> {
    return quietly(Scope.provide(effect, this.#scope))
  }

  /** Ends are in reverse order. */
  onEnd(end: () => void | Promise<void>): void {
    Effect.runSync(
      Scope.addFinalizer(
        this.#scope,
        Effect.promise(async () => end()),
      ),
    )
  }

  end(): Promise<void> {
    return quietly(Scope.close(this.#scope, Exit.void))
  }

  /** A port that something of this scene listens on. */
  own(port: number): void {
    this.#ports.add(port)
  }

  /** Throws where the url is not of a server that this scene started. */
  mustOwn(url: string): void {
    for (const one of url.split(",")) {
      const { hostname, port } = new URL(one)
      if (hostname !== "127.0.0.1" || !this.#ports.has(Number(port))) {
        throw new Error(`chaos does not talk to ${hostname}:${port}: it did not start that server`)
      }
    }
  }
}

/** Servers that are killed on purpose complain a lot. */
export const quietly = <Value, Failure>(effect: Effect.Effect<Value, Failure>): Promise<Value> =>
  Effect.runPromise(Effect.provideService(effect, References.MinimumLogLevel, "None"))
