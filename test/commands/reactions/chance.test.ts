import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { Random } from "../../../chaos/Random.ts"
import type { Reaction, Records } from "../../../src/commands/reactions/Reaction.ts"
import { runLane } from "../../../src/commands/reactions/runLane.ts"
import { LogUnavailable } from "../../../src/domain/EventLog.ts"
import { makeDeliver } from "./deliver.ts"
import type { Fault } from "./Outside.ts"
import { projected, records, request, stateOf, World, world } from "./world.ts"

const ACTS = 150
const places = ["ada", "bob", "eve"]
const faults: ReadonlyArray<Fault> = ["away", "lost", "silent"]
const away = new LogUnavailable({ reason: "away", unknown: true })

/** A log that is away at times: before it stores, or after it has stored. */
const unsteady = (random: Random, all: Records<string>): Records<string> => {
  const met = (command: Effect.Effect<unknown, { readonly _tag: string }>) =>
    Effect.suspend(() => {
      if (random.chance(0.1)) return Effect.fail(away)
      return random.chance(0.1) ? Effect.andThen(command, Effect.fail(away)) : command
    })
  return {
    done: (...given) => met(all.done(...given)),
    postpone: (...given) => met(all.postpone(...given)),
    giveUp: (...given) => met(all.giveUp(...given)),
  }
}

const passes = Effect.fnUntraced(function* (millis: number) {
  for (let left = millis; left > 0; left -= 20) {
    yield* TestClock.adjust(Math.min(left, 20))
    yield* Effect.repeat(Effect.yieldNow, { times: 30 })
  }
})

/** Deaths, faults and delays by chance, then quiet. With one leader at a time, or with two that both believe to be it. */
const story = Effect.fnUntraced(function* (seed: number, leaders: number) {
  const random = new Random(seed)
  const known = yield* World
  const { outside } = known
  const deliver = yield* makeDeliver
  const lane = (reaction: Reaction<string>) =>
    Effect.forkScoped(runLane({ ...reaction, records: unsteady(random, reaction.records!) }))
  const nodes: Array<Fiber.Fiber<never>> = []
  for (let node = 0; node < leaders; node++) nodes.push(yield* lane(deliver))
  const ids: Array<string> = []

  const acts: ReadonlyArray<Effect.Effect<unknown, never, Effect.Services<ReturnType<typeof request>>>> = [
    Effect.suspend(() => {
      ids.push(`n${ids.length}`)
      return Effect.orDie(request(random.pick(places), ids.at(-1)!))
    }),
    Effect.sync(() => outside.faults.push(random.pick(faults))),
    Effect.sync(() => (known.isAway = !known.isAway)),
    Effect.sync(() => (known.shown = random.chance(0.5) ? Infinity : random.between(0, 2 * ids.length))),
  ]
  for (let act = 0; act < ACTS; act++) {
    yield* random.pick(acts)
    if (random.chance(0.5)) yield* projected
    if (random.chance(0.3)) yield* passes(random.between(1, 400))
    yield* Effect.repeat(Effect.yieldNow, { times: random.between(1, 60) })
    if (random.chance(0.15)) {
      const node = random.between(0, leaders - 1)
      yield* Fiber.interrupt(nodes[node]!)
      nodes[node] = yield* lane(deliver)
    }
  }
  known.isAway = false
  known.shown = Infinity
  outside.faults.length = 0
  yield* passes(15_000)
  return { ids, outside }
})

const fresh = Math.trunc(performance.timeOrigin) % 1_000_000

describe("reactions by chance", () => {
  for (const leaders of [1, 2]) {
    for (const seed of [1, 2, 3, fresh]) {
      it.effect(`lose nothing and do nothing twice: seed ${seed}, leaders at a time: ${leaders}`, () =>
        Effect.gen(function* () {
          const { ids, outside } = yield* story(seed, leaders)
          for (const id of ids) {
            assert.strictEqual((yield* stateOf(id))._tag, "Delivered", id)
            assert.strictEqual(outside.effects.get(id), 1, id)
            // Nothing is sent twice by nodes that lead one after the other.
            if (leaders === 1) assert.strictEqual(outside.calls.get(id), 1, id)
          }
          const commands = (yield* records).map(({ record, subject }) => `${subject.id} ${record.command}`)
          assert.strictEqual(new Set(commands).size, commands.length)
          assert.isAbove(commands.length, 2 * ids.length)
        }).pipe(Effect.scoped, Effect.provide(world)),
      )
    }
  }
})
