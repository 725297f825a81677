import { Clock, Duration, Effect } from "effect"
import { newestAt, positionOf } from "./moment.ts"

const AGO = /^(\d{1,9})\s*(s|m|h|d)$/
const UNITS = { s: Duration.seconds, m: Duration.minutes, h: Duration.hours, d: Duration.days } as const

const isUnit = (text: string): text is keyof typeof UNITS => text in UNITS

const isoOf = (millis: number) => new Date(millis).toISOString()

/** The position before the first record since a moment, or since so long ago: `90s`, `15m`, `1h`, `2d`. */
export const positionSince = Effect.fnUntraced(function* (text: string) {
  const [, count, unit = ""] = AGO.exec(text) ?? []
  if (!isUnit(unit)) return yield* positionOf(text)
  const then = (yield* Clock.currentTimeMillis) - Duration.toMillis(UNITS[unit](Number(count)))
  return yield* newestAt(isoOf(Math.max(0, then)))
})
