import type { Timers } from "../../../src/gateway/routing/Timers.ts"

interface Timer {
  readonly at: number
  readonly run: () => void
  isOff: boolean
}

/** Time that passes only when a test lets it. */
export class ManualTimers implements Timers {
  #now = Date.parse("2026-03-01T10:00:00.000Z")
  /** By time, those set first before others of the same. */
  readonly #timers: Array<Timer> = []

  readonly now = () => this.#now

  readonly after = (millis: number, run: () => void) => {
    const timer = { at: this.#now + Math.max(0, millis), run, isOff: false }
    this.#timers.splice(this.#placeOf(timer.at), 0, timer)
    return () => {
      timer.isOff = true
    }
  }

  /** The number of timers that would still ring. */
  get set(): number {
    return this.#timers.filter(({ isOff }) => !isOff).length
  }

  /** Lets time pass: every timer rings at its time. */
  pass(millis: number): void {
    const end = this.#now + millis
    for (;;) {
      const [first] = this.#timers
      if (first === undefined || first.at > end) break
      this.#timers.shift()
      this.#now = Math.max(this.#now, first.at)
      if (!first.isOff) first.run()
    }
    this.#now = end
  }

  #placeOf(at: number): number {
    let low = 0
    let high = this.#timers.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#timers[middle]?.at ?? Infinity) <= at) low = middle + 1
      else high = middle
    }
    return low
  }
}
