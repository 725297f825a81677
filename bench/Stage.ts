import { chmodSync, mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { join } from "node:path"

/** Everything that a run started: folders, servers, programs. All of it ends with the run, the newest first. */
export class Stage {
  readonly folder: string
  readonly #ends: Array<() => void | Promise<void>> = []

  constructor(parent: string) {
    this.folder = mkdtempSync(join(parent, "crewlog-bench-"))
    // As root, PostgreSQL runs as somebody else and must get through.
    chmodSync(this.folder, 0o711)
    this.onEnd(() => rmSync(this.folder, { recursive: true, force: true }))
  }

  /** A folder of its own. */
  make(name: string): string {
    const path = join(this.folder, name)
    mkdirSync(path, { recursive: true, mode: 0o711 })
    return path
  }

  onEnd(end: () => void | Promise<void>): void {
    this.#ends.push(end)
  }

  async end(): Promise<void> {
    for (let end = this.#ends.pop(); end !== undefined; end = this.#ends.pop()) await end()
  }
}
