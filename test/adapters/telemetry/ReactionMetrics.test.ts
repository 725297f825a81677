import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { Metrics } from "../../../src/adapters/telemetry/Metrics.ts"
import { ReactionMetrics } from "../../../src/adapters/telemetry/ReactionMetrics.ts"
import { Registry } from "../../../src/adapters/telemetry/Registry.ts"
import { LaneFigures } from "../../../src/commands/reactions/LaneFigures.ts"
import { done, never } from "../../../src/commands/reactions/Reaction.ts"
import { settingsWith } from "../http/door.ts"
import { parse, sumOf } from "./prometheus.ts"

const counting = Layer.sync(Metrics, () => {
  const registry = new Registry()
  return Metrics.of({
    request: () => {},
    gauge: (described, read) => registry.gauge(described, read),
    total: (described, read) => registry.total(described, read),
    lastMinute: () => ({ requests: 0, errors: 0, tokens: 0, cost_usd: 0 }),
    text: () => registry.text(),
  })
})

const layer = ReactionMetrics.pipe(
  Layer.provideMerge(counting),
  Layer.provideMerge(LaneFigures.layer),
  Layer.provide(settingsWith()),
)

describe("metrics of reactions", () => {
  it.effect("metrics of reactions tell by kind what is owed, since when, and what was tried", () =>
    Effect.gen(function* () {
      const figures = yield* LaneFigures
      const { text } = yield* Metrics
      assert.deepStrictEqual(parse(text()), [])
      yield* TestClock.setTime(Date.parse("2026-03-01T12:00:30.000Z"))
      yield* figures.note([
        { kind: "call", count: 7, oldest: "2026-03-01T12:00:00.000Z" },
        { kind: "deadline", count: 2, oldest: "2026-03-01T13:00:00.000Z" },
      ])
      const count = figures.counted("call")
      yield* count(Effect.succeed(done))
      yield* count(Effect.succeed(never("refused")))
      yield* Effect.forkScoped(count(Effect.never))
      yield* Effect.yieldNow

      const of = (name: string, kind = "call") => sumOf(text(), `crewlog_${name}`, { kind })
      assert.strictEqual(of("owed"), 7)
      assert.strictEqual(of("owed_oldest_seconds"), 30)
      assert.deepStrictEqual([of("owed", "deadline"), of("owed_oldest_seconds", "deadline")], [2, 0])
      assert.strictEqual(of("reaction_attempts_total"), 3)
      assert.strictEqual(of("reactions_given_up_total"), 1)
      assert.strictEqual(of("reactions_under_way"), 1)
      assert.include(text(), "# TYPE crewlog_reaction_attempts_total counter\n")

      yield* figures.note(undefined)
      assert.strictEqual(of("owed"), 0)
      assert.strictEqual(of("reaction_attempts_total"), 3)
    }).pipe(Effect.scoped, Effect.provide(layer)),
  )
})
