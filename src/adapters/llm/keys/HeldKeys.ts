import { Redacted } from "effect"
import type { KnownBackend } from "../../../domain/Backend.ts"

type Backends = ReadonlyMap<string, KnownBackend>

/** An opened key. */
export interface Held {
  readonly version: string
  readonly key: Redacted.Redacted
}

/** The reason that a backend has no key here. `away` says nothing about the key itself. */
export interface Trouble {
  readonly version: string
  readonly kind: "away" | "missing" | "unreadable"
  readonly reason: string
}

/** The keys that are in memory. What is not of the version that its backend refers to now does not count. */
export class HeldKeys {
  readonly #held = new Map<string, Held>()
  readonly #troubles = new Map<string, Trouble>()
  readonly #backends: () => Backends

  constructor(backends: () => Backends) {
    this.#backends = backends
  }

  #current<One extends Held | Trouble>(all: ReadonlyMap<string, One>, backend: string): One | undefined {
    const one = all.get(backend)
    return one?.version === this.#backends().get(backend)?.key_version ? one : undefined
  }

  keyOf(backend: string): string | undefined {
    const held = this.#current(this.#held, backend)
    return held === undefined ? undefined : Redacted.value(held.key)
  }

  get troubles(): ReadonlyMap<string, Trouble> {
    return new Map([...this.#troubles].filter(([backend]) => this.#current(this.#troubles, backend)))
  }

  /** Backends whose keys are to be fetched; those in trouble only `again`. */
  wanted(again: boolean): ReadonlyArray<KnownBackend> {
    return [...this.#backends().values()].filter(
      ({ id }) =>
        this.#current(this.#held, id) === undefined &&
        (again || this.#current(this.#troubles, id) === undefined),
    )
  }

  forgetOld(): void {
    const all: ReadonlyArray<Map<string, Held | Trouble>> = [this.#held, this.#troubles]
    for (const some of all) {
      for (const backend of some.keys()) if (this.#current(some, backend) === undefined) some.delete(backend)
    }
  }

  /** True if this is news. */
  learn(backend: string, found: Held | Trouble): boolean {
    if ("key" in found) {
      this.#held.set(backend, found)
      this.#troubles.delete(backend)
      return true
    }
    const before = this.#current(this.#troubles, backend)
    this.#troubles.set(backend, found)
    return before?.kind !== found.kind
  }
}
