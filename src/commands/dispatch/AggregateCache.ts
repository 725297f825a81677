import type { Loaded } from "../../domain/History.ts"

const CACHED = 20_000

/** The aggregates that were in use lately, as of the newest record that this process knows. */
export class AggregateCache {
  readonly #known = new Map<string, Loaded<unknown>>()

  get<State>(key: string): Loaded<State> | undefined {
    return this.#known.get(key) as Loaded<State> | undefined
  }

  /** Keeps what exists; the one that was not in use for longest goes. */
  keep(key: string, loaded: Loaded<unknown>): void {
    this.#known.delete(key)
    if (loaded.seq === 0) return
    this.#known.set(key, loaded)
    if (this.#known.size > CACHED) this.#known.delete(this.#known.keys().next().value ?? "")
  }

  forget(key: string): void {
    this.#known.delete(key)
  }
}
