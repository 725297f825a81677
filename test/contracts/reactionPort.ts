import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Result, type Scope } from "effect"
import { randomUUID } from "node:crypto"
import type { Failure } from "../../src/commands/reactions/Reaction.ts"

/** A port of a reaction with an outside that can be made to fail and counts what really happened. */
export interface PortUnderTest {
  /** The call that the reaction's `perform` makes outside, under an idempotency key. */
  readonly send: (key: string) => Effect.Effect<unknown, Failure>
  /** The question of its `inquire`: undefined for a key that the outside never heard of. */
  readonly inquire: (key: string) => Effect.Effect<unknown, Failure>
  /** The number of times that something happened outside under this key. */
  readonly effects: (key: string) => number
  /** The next call does not arrive, loses its answer after it took effect, or is never answered. */
  readonly next: (fault: "away" | "lost" | "silent") => void
}

/** The contract of every port of a reaction (commands/reactions/Reaction.ts). Run for memory and for the real protocol. */
export const reactionPortContract = <E>(name: string, make: Effect.Effect<PortUnderTest, E, Scope.Scope>) =>
  describe(`the contract of reaction ports: ${name}`, () => {
    const live = <A, E2>(
      title: string,
      test: (port: PortUnderTest, key: string) => Effect.Effect<A, E2, Scope.Scope>,
    ) => it.live(title, () => Effect.flatMap(make, (port) => test(port, randomUUID())).pipe(Effect.scoped))
    const failureOf = (call: Effect.Effect<unknown, Failure>) =>
      Effect.map(Effect.result(call), (result) => {
        assert.isTrue(Result.isFailure(result) && typeof result.failure._tag === "string")
      })

    live("sends once, and says afterwards that it was sent", (port, key) =>
      Effect.gen(function* () {
        assert.isUndefined(yield* port.inquire(key))
        yield* port.send(key)
        assert.strictEqual(port.effects(key), 1)
        assert.isDefined(yield* port.inquire(key))
      }),
    )

    live("does not take one key for another", (port, key) =>
      Effect.gen(function* () {
        yield* port.send(key)
        assert.isUndefined(yield* port.inquire(`${key}1`))
        yield* port.send(`${key}1`)
        assert.deepStrictEqual([port.effects(key), port.effects(`${key}1`)], [1, 1])
      }),
    )

    live("has one effect for one key, sent one after the other or twenty at a time", (port, key) =>
      Effect.gen(function* () {
        yield* port.send(key)
        yield* port.send(key)
        const twenty = Array.from({ length: 20 }, () => port.send(`${key}20`))
        yield* Effect.all(twenty, { concurrency: "unbounded" })
        assert.deepStrictEqual([port.effects(key), port.effects(`${key}20`)], [1, 1])
      }),
    )

    live("knows what was sent when the answer was lost, and sends it no second time", (port, key) =>
      Effect.gen(function* () {
        port.next("lost")
        yield* failureOf(port.send(key))
        assert.isDefined(yield* port.inquire(key))
        yield* port.send(key)
        assert.strictEqual(port.effects(key), 1)
      }),
    )

    live("fails with a typed failure when the outside is away, and works when it is back", (port, key) =>
      Effect.gen(function* () {
        port.next("away")
        yield* failureOf(port.send(key))
        assert.strictEqual(port.effects(key), 0)
        port.next("away")
        yield* failureOf(port.inquire(key))
        assert.isUndefined(yield* port.inquire(key))
        yield* port.send(key)
        assert.strictEqual(port.effects(key), 1)
      }),
    )

    live("stops when it is interrupted, however silent the outside is", (port, key) =>
      Effect.gen(function* () {
        port.next("silent")
        const exit = yield* Effect.exit(Effect.timeout(port.send(key), "100 millis"))
        assert.isTrue(Exit.isFailure(exit))
        yield* port.send(key)
        assert.strictEqual(port.effects(key), 1)
      }),
    )
  })
