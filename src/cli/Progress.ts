import { Clock, Effect } from "effect"

const WIDTH = 24
const REDRAWN_EVERY = 100
const TOLD_EVERY = 10_000

export interface Screen {
  /** True when a line can be drawn anew; else a line now and then must do. */
  readonly isTerminal: boolean
  readonly write: (text: string) => void
}

const stderr: Screen = {
  isTerminal: process.stderr.isTTY,
  write: (text) => void process.stderr.write(text),
}

const inWords = (seconds: number): string =>
  seconds < 100 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`

const number = new Intl.NumberFormat("en")

const lineOf = (label: string, done: number, total: number, millis: number): string => {
  const part = total === 0 ? 1 : Math.min(1, done / total)
  const bar = "#".repeat(Math.floor(part * WIDTH)).padEnd(WIDTH, ".")
  const left = done === 0 || part === 1 ? "" : `, ${inWords(((millis / part) * (1 - part)) / 1_000)} left`
  return `${label} [${bar}] ${number.format(done)} of ${number.format(total)}${left}`
}

/**
 * Shows on stderr how far a long command is: a bar where that is a terminal, else a line every 10 seconds.
 * The bar goes with the scope.
 */
export const progressBar = Effect.fnUntraced(function* (label: string, screen: Screen = stderr) {
  const started = yield* Clock.currentTimeMillis
  let last = screen.isTerminal ? 0 : started
  let isDrawn = false
  const clear = Effect.sync(() => {
    if (isDrawn) screen.write("\r\u001b[K")
    isDrawn = false
  })
  yield* Effect.addFinalizer(() => clear)
  return (done: number, total: number) =>
    Effect.map(Clock.currentTimeMillis, (now) => {
      if (now - last < (screen.isTerminal ? REDRAWN_EVERY : TOLD_EVERY)) return
      last = now
      const line = lineOf(label, done, total, now - started)
      isDrawn = screen.isTerminal
      screen.write(screen.isTerminal ? `\r${line}\u001b[K` : `${line}\n`)
    })
})
