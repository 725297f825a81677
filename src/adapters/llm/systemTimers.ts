import type { Clock } from "effect"
import type { Timers } from "../../gateway/routing/Timers.ts"

/** Node takes more for 1. */
const LONGEST = 2 ** 31 - 1

/** The machine's own timers. They keep no process alive. */
export const systemTimers: Timers = {
  now: () => Date.now(),
  after: (millis, run) => {
    const timer = setTimeout(run, Math.min(Math.ceil(millis), LONGEST)).unref()
    return () => clearTimeout(timer)
  },
}

/** The same by a clock that all nodes agree on. */
export const timersBy = (clock: Clock.Clock): Timers => ({
  ...systemTimers,
  now: () => clock.currentTimeMillisUnsafe(),
})
