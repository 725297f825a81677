/** What time it is, and being woken: given from outside, so that tests need not sleep. */
export interface Timers {
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** Runs once, that many milliseconds from now or a little later; what it gives undoes it. */
  readonly after: (millis: number, run: () => void) => () => void
}

/** Node takes more for 1. */
const LONGEST = 2 ** 31 - 1

/** The machine's own. They keep no process alive. */
export const systemTimers: Timers = {
  now: () => Date.now(),
  after: (millis, run) => {
    const timer = setTimeout(run, Math.min(Math.ceil(millis), LONGEST)).unref()
    return () => clearTimeout(timer)
  },
}
