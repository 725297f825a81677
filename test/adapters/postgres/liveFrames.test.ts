import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Stream } from "effect"
import type { SchemaAt } from "../../../src/adapters/postgres/client.ts"
import { Announcements } from "../../../src/projections/Announcements.ts"
import { Projected } from "../../../src/projections/Projected.ts"
import { projector } from "../../../src/projections/Projector.ts"
import type { CrewLog } from "../../projections/CrewLog.ts"
import { randomCrew } from "../../projections/crews.ts"
import { tablesOf } from "../../projections/Tables.ts"
import { clientOf, everything, freshSchema } from "./schemas.ts"

/** Projects until the read model is at the end of the log, then what `meanwhile` adds; answers what was told. */
const told = (place: SchemaAt, log: CrewLog, meanwhile: () => void = () => {}) => {
  const places: Array<string> = []
  const hearing = Layer.succeed(Announcements, {
    publish: (_, frames = []) =>
      Effect.sync(() => places.push(...frames.map(({ idx, kind, seq }) => `${seq}.${idx} ${kind}`))),
    positions: Stream.never,
  })
  return Effect.gen(function* () {
    const running = yield* Effect.forkChild(Effect.provide(projector, hearing))
    const projected = yield* Projected
    assert.isTrue(yield* projected.reached(log.records.length, "10 seconds"))
    meanwhile()
    assert.isTrue(yield* projected.reached(log.records.length, "10 seconds"))
    yield* Fiber.interrupt(running)
    return places
  }).pipe(Effect.provide(Layer.fresh(everything(place, log))))
}

interface FeedRow {
  readonly seq: number
  readonly idx: number
  readonly kind: string
}

/** The frames of the feed after a position. */
const feedAfter = (log: CrewLog, after: number) =>
  (tablesOf(log).all as { readonly feed: ReadonlyArray<readonly [string, FeedRow]> }).feed
    .map(([, row]) => row)
    .filter(({ seq }) => seq > after)
    .map(({ idx, kind, seq }) => `${seq}.${idx} ${kind}`)

describe("live frames", () => {
  it.live(
    "live frames are told once each by who projects them, and never again when tables are made anew",
    () =>
      Effect.gen(function* () {
        const place = yield* freshSchema
        const log = randomCrew("first")
        const first = log.records.length
        assert.deepStrictEqual(
          yield* told(place, log, () => randomCrew("second", log)),
          feedAfter(log, first),
        )
        assert.isAbove(feedAfter(log, first).length, 0)

        const second = log.records.length
        randomCrew("while nobody projects", log)
        assert.deepStrictEqual(yield* told(place, log), feedAfter(log, second))

        const sql = yield* clientOf(place)
        yield* Effect.promise(() => sql`drop schema crewlog cascade`)
        const third = log.records.length
        assert.deepStrictEqual(
          yield* told(place, log, () => randomCrew("fourth", log)),
          feedAfter(log, third),
        )
      }),
  )
})
