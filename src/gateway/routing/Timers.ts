/** The time, and being woken: given from outside, so that tests need not sleep. */
export interface Timers {
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** Runs once, that many milliseconds from now or a little later; the function that it gives undoes it. */
  readonly after: (millis: number, run: () => void) => () => void
}
