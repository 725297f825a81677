import type { Timers } from "./Timers.ts"

/** A single thing to do at a time that may change until then. */
export class Alarm {
  readonly #timers: Timers
  readonly #ring: () => void
  #at = Infinity
  #stop: (() => void) | undefined

  constructor(timers: Timers, ring: () => void) {
    this.#timers = timers
    this.#ring = ring
  }

  /** Infinity when it is not set. */
  get at(): number {
    return this.#at
  }

  /** Milliseconds since 1970, rounded up to whole ones; Infinity: never. */
  set(time: number): void {
    const at = Math.ceil(time)
    if (at === this.#at) return
    this.#stop?.()
    this.#at = at
    this.#stop =
      at === Infinity ? undefined : this.#timers.after(at - this.#timers.now(), () => this.#rings())
  }

  #rings(): void {
    this.#at = Infinity
    this.#stop = undefined
    this.#ring()
  }
}
