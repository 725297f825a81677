import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Stream } from "effect"
import { layer as DatabaseLayer } from "../../../src/adapters/postgres/Database.ts"
import type { SchemaAt } from "../../../src/adapters/postgres/client.ts"
import { layer as StoreLayer } from "../../../src/adapters/postgres/Store.ts"
import { lastSeenProjector } from "../../../src/projections/LastSeen.ts"
import { type Heartbeat, Signals } from "../../../src/projections/Signals.ts"
import { clientOf, freshSchema, until } from "./schemas.ts"

const beat = (seq: number, slug: string): Heartbeat => ({
  seq,
  id: slug,
  slug,
  at: new Date(Date.UTC(2026, 2, 1, 12, 0, seq)).toISOString(),
})

const signalsOf = (epoch: string, beats: ReadonlyArray<Heartbeat>, asked: Array<number>) =>
  Layer.succeed(Signals, {
    follow: (after) => {
      asked.push(after)
      const rest = Stream.fromIterable(beats.filter(({ seq }) => seq > after))
      return Stream.concat(rest, Stream.never)
    },
    head: Effect.succeed({ epoch, first: 1, last: beats.at(-1)?.seq ?? 0 }),
  })

const run = (place: SchemaAt, signals: Layer.Layer<Signals>, seq: number) =>
  Effect.gen(function* () {
    const running = yield* lastSeenProjector.pipe(
      Effect.provide(Layer.fresh(Layer.merge(signals, StoreLayer.pipe(Layer.provide(DatabaseLayer(place)))))),
      Effect.forkChild,
    )
    const sql = yield* clientOf(place)
    const position = Effect.promise(async () => {
      try {
        return await sql<Array<{ seq: number }>>`select seq from checkpoint where name = 'signals'`
      } catch {
        return []
      }
    })
    yield* until(position, ([row]) => row?.seq === seq)
    yield* Fiber.interrupt(running)
    const rows = yield* Effect.promise(
      () => sql<Array<Omit<Heartbeat, "id">>>`select slug, seq, at from last_seen order by slug`,
    )
    return rows.map((row) => ({ ...row }))
  })

const shown = ({ id: _, ...rest }: Heartbeat) => rest

describe("when members were last heard of", () => {
  it.live(
    "the last sign of life of a member follows the signals, from where it was, and from the start in another log",
    () =>
      Effect.gen(function* () {
        const place = yield* freshSchema
        const asked: Array<number> = []
        const beats = [beat(1, "bob"), beat(4, "eve"), beat(5, "bob")]
        const first = yield* run(place, signalsOf("one", beats, asked), 5)
        assert.deepStrictEqual(first, [beat(5, "bob"), beat(4, "eve")].map(shown))
        const second = yield* run(place, signalsOf("one", [...beats, beat(6, "eve")], asked), 6)
        assert.deepStrictEqual(second, [beat(5, "bob"), beat(6, "eve")].map(shown))
        const third = yield* run(place, signalsOf("two", [beat(2, "ada")], asked), 2)
        assert.deepStrictEqual(third, [beat(2, "ada"), beat(5, "bob"), beat(6, "eve")].map(shown))
        assert.deepStrictEqual(asked, [0, 5, 0])
      }),
  )
})
