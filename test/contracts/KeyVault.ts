import { assert, describe, it } from "@effect/vitest"
import { Cause, Clock, Effect, Exit, Redacted, Schedule, type Scope } from "effect"
import { inspect } from "node:util"
import type { SealingKeys } from "../../src/adapters/node/Sealing.ts"
import { type Bucket, sealedBy, sealedVault } from "../../src/adapters/sealedVault.ts"
import type { KeyVault } from "../../src/commands/KeyVault.ts"
import { sealingKey } from "../support/keys.ts"

const [one, two, three] = [sealingKey("one"), sealingKey("two"), sealingKey("three")]
const [A, B] = ["bkd_aaaaaaaaaaaa", "bkd_bbbbbbbbbbbb"]
const CANARY = "sk-canary-5f1d"

const key = (name: string) => Redacted.make(`${CANARY}-${name}`)

/** Asks again while the bucket does not answer: a disk may stall for longer than a command waits. */
const patiently = <Value, Failure extends { readonly _tag: string }>(asked: Effect.Effect<Value, Failure>) =>
  Effect.retry(asked, {
    schedule: Schedule.spaced("200 millis").pipe(Schedule.upTo({ duration: "40 seconds" })),
    while: ({ _tag }) => _tag === "KeyVaultUnavailable",
  })

/** A bucket of which every question and every change is repeated until it is answered. */
const patientBucket = (bucket: Bucket): Bucket => ({
  newest: (name) => patiently(bucket.newest(name)),
  revisions: (backend) => patiently(bucket.revisions(backend)),
  // A write whose answer was lost may be there.
  store: (...given) =>
    bucket.store(...given).pipe(
      Effect.catch(() => patiently(bucket.newest(given[0]))),
      Effect.flatMap((found) =>
        typeof found === "boolean"
          ? Effect.succeed(found)
          : found?.text === given[1]
            ? Effect.succeed(true)
            : patiently(bucket.store(...given)),
      ),
    ),
  erase: (revision) => patiently(bucket.erase(revision)),
})

/** The contract of every KeyVault, run over a bucket in memory and one on NATS. */
export const keyVaultContract = <E>(name: string, fresh: Effect.Effect<Bucket, E, Scope.Scope>) =>
  describe(`KeyVault contract: ${name}`, () => {
    interface Given {
      readonly bucket: Bucket
      /** With key one. */
      readonly vault: KeyVault["Service"]
      readonly having: (...keys: SealingKeys) => KeyVault["Service"]
    }
    const live = <A, E2>(title: string, test: (given: Given) => Effect.Effect<A, E2, Scope.Scope>) =>
      it.live(title, () =>
        Effect.flatMap(fresh, (bucket) => {
          const patient = patientBucket(bucket)
          const having = (...keys: SealingKeys) => sealedVault(patient, keys)
          return test({ bucket: patient, having, vault: having(one) })
        }).pipe(Effect.scoped),
      )

    const valueOf = (vault: KeyVault["Service"], backend: string, version: string) =>
      Effect.map(vault.get(backend, version), (found) =>
        found === undefined ? undefined : Redacted.value(found),
      )
    const is = Effect.fnUntraced(function* (
      vault: KeyVault["Service"],
      all: Readonly<Record<string, string | undefined>>,
    ) {
      for (const [name, value] of Object.entries(all)) {
        const [backend = "", version = ""] = name.split(".")
        assert.strictEqual(
          yield* valueOf(vault, backend, version),
          value === undefined ? undefined : `${CANARY}-${value}`,
          name,
        )
      }
    })
    const refusal = (vault: KeyVault["Service"], backend: string, version: string) =>
      Effect.map(Effect.flip(vault.get(backend, version)), (error) => {
        assert.strictEqual(error._tag, "KeyUnreadable")
        assert.include(error.message, backend)
        assert.notInclude(inspect(error, { depth: 9 }), CANARY)
        return error.message
      })
    /** Until the bucket's clock has moved on. */
    const later = Effect.flatMap(Clock.currentTimeMillis, (then) =>
      Effect.repeat(Clock.currentTimeMillis, { until: (now) => now > then + 1 }),
    )
    const textOf = Effect.fnUntraced(function* (bucket: Bucket, name: string) {
      return (yield* bucket.newest(name))?.text ?? ""
    })

    live("gives back each version of each backend's key, and nothing of what was never put", ({ vault }) =>
      Effect.gen(function* () {
        assert.isUndefined(yield* vault.get(A, "1"))
        yield* vault.put(A, "1", key("a1"))
        yield* vault.put(A, "2", key("a2"))
        yield* vault.put(B, "1", key("b1"))
        yield* is(vault, { [`${A}.1`]: "a1", [`${A}.2`]: "a2", [`${B}.1`]: "b1", [`${B}.2`]: undefined })
      }),
    )

    live("takes the same again, and another in its place, and keeps nothing that is replaced", (given) =>
      Effect.gen(function* () {
        const { bucket, vault } = given
        yield* vault.put(A, "1", key("a1"))
        const text = yield* textOf(bucket, `${A}.1`)
        yield* vault.put(A, "1", key("a1"))
        assert.strictEqual(yield* textOf(bucket, `${A}.1`), text)
        yield* vault.put(A, "1", key("other"))
        yield* is(vault, { [`${A}.1`]: "other" })
        assert.strictEqual((yield* bucket.revisions()).length, 1)
      }),
    )

    live("holds sealed text only", ({ bucket, vault }) =>
      Effect.gen(function* () {
        yield* vault.put(A, "1", key("a1"))
        const stored = JSON.stringify(yield* bucket.revisions())
        assert.include(stored, '\\"key\\":\\"one\\"')
        assert.notInclude(stored, CANARY)
        assert.notInclude(inspect(yield* vault.get(A, "1"), { depth: 9, showHidden: true }), CANARY)
      }),
    )

    live("drops all of a backend, and of no other", ({ bucket, vault }) =>
      Effect.gen(function* () {
        yield* vault.put(A, "1", key("a1"))
        yield* vault.put(A, "2", key("a2"))
        yield* vault.put(B, "1", key("b1"))
        const [{ revision } = { revision: 0 }] = yield* bucket.revisions(A)
        yield* Effect.all([vault.drop(A), vault.drop(A)], { concurrency: 2 })
        yield* vault.drop(A)
        yield* bucket.erase(revision)
        yield* is(vault, { [`${A}.1`]: undefined, [`${A}.2`]: undefined, [`${B}.1`]: "b1" })
        assert.deepStrictEqual(
          (yield* bucket.revisions()).map(({ name }) => name),
          [`${B}.1`],
        )
      }),
    )

    live("drops what is older than the one that stays, but not what may still be recorded", (given) =>
      Effect.gen(function* () {
        const { bucket, vault } = given
        for (const version of ["1", "2", "3"]) {
          yield* vault.put(A, version, key(version))
          yield* later
        }
        yield* vault.put(B, "1", key("b1"))
        // All within two minutes: their commands may be under way.
        yield* vault.drop(A, "3")
        yield* is(vault, { [`${A}.1`]: "1", [`${A}.2`]: "2", [`${A}.3`]: "3" })
        // With no such time, 3 was put after 2 and stays.
        yield* sealedVault(bucket, [one], 0).drop(A, "2")
        yield* is(vault, { [`${A}.1`]: undefined, [`${A}.2`]: "2", [`${A}.3`]: "3", [`${B}.1`]: "b1" })
      }),
    )

    live("drops nothing for the sake of a version that is not there", ({ bucket, vault }) =>
      Effect.gen(function* () {
        yield* vault.put(A, "1", key("a1"))
        yield* later
        yield* sealedVault(bucket, [one], 0).drop(A, "9")
        yield* is(vault, { [`${A}.1`]: "a1" })
      }),
    )

    live("makes no name of what is no id", ({ bucket, vault }) =>
      Effect.gen(function* () {
        for (const id of ["", "*", ">", "a.b", "a b", "a\0", "x".repeat(65)]) {
          for (const [backend, version] of [
            [id, "1"],
            [A, id],
          ] as const) {
            const exit = yield* Effect.exit(vault.put(backend, version, key("x")))
            assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause), id)
          }
        }
        assert.deepStrictEqual(yield* bucket.revisions(), [])
      }),
    )

    live(
      "opens what any of its sealing keys sealed, and names the one that is missing",
      ({ having, vault }) =>
        Effect.gen(function* () {
          yield* vault.put(A, "1", key("a1"))
          yield* having(two, one).put(A, "2", key("a2"))
          yield* is(having(two, one), { [`${A}.1`]: "a1", [`${A}.2`]: "a2" })
          const message = yield* refusal(having(two), A, "1")
          assert.include(message, "sealed with the encryption key one, which is not configured here")
        }),
    )

    live("refuses a key that was changed or moved to another name", ({ bucket, vault }) =>
      Effect.gen(function* () {
        yield* vault.put(A, "1", key("a1"))
        yield* vault.put(B, "1", key("b1"))
        const [a, b] = [yield* textOf(bucket, `${A}.1`), yield* textOf(bucket, `${B}.1`)]
        yield* bucket.store(`${A}.1`, b)
        yield* bucket.store(`${B}.1`, a)
        assert.include(yield* refusal(vault, A, "1"), "changed or moved")
        assert.include(yield* refusal(vault, B, "1"), "changed or moved")
        const parsed = JSON.parse(a) as { text: string }
        const bytes = Buffer.from(parsed.text, "base64")
        bytes[3]! ^= 0x10
        yield* bucket.store(`${A}.1`, JSON.stringify({ ...parsed, text: bytes.toString("base64") }))
        assert.include(yield* refusal(vault, A, "1"), "changed or moved")
        yield* bucket.store(`${A}.1`, `${CANARY}-plain`)
        assert.include(yield* refusal(vault, A, "1"), "not a sealed key")
        yield* vault.put(A, "1", key("anew"))
        yield* is(vault, { [`${A}.1`]: "anew" })
      }),
    )

    live("seals anew with the first key, once, and leaves none of the old text", (given) =>
      Effect.gen(function* () {
        const { bucket, having, vault } = given
        yield* vault.put(A, "1", key("a1"))
        yield* vault.put(A, "2", key("a2"))
        yield* having(two, one).put(B, "1", key("b1"))
        assert.deepStrictEqual(Object.fromEntries(yield* sealedBy(bucket)), { one: 2, two: 1 })
        assert.deepStrictEqual(yield* having(two, one).reseal, { keys: 3, resealed: 2, unreadable: [] })
        assert.deepStrictEqual(yield* having(two, one).reseal, { keys: 3, resealed: 0, unreadable: [] })
        assert.deepStrictEqual(Object.fromEntries(yield* sealedBy(bucket)), { two: 3 })
        assert.strictEqual((yield* bucket.revisions()).length, 3)
        yield* is(having(two), { [`${A}.1`]: "a1", [`${A}.2`]: "a2", [`${B}.1`]: "b1" })
      }),
    )

    live("seals anew what it can read, and leaves the rest as it is", ({ bucket, having, vault }) =>
      Effect.gen(function* () {
        yield* having(three).put(A, "1", key("a1"))
        yield* vault.put(A, "2", key("a2"))
        yield* bucket.store(`${B}.1`, yield* textOf(bucket, `${A}.2`))
        yield* having(two).put(A, "3", key("a3"))
        yield* bucket.store(`${B}.2`, yield* textOf(bucket, `${A}.3`))
        const { keys, resealed, unreadable } = yield* having(two, one).reseal
        assert.deepStrictEqual([keys, resealed], [5, 1])
        assert.deepStrictEqual(
          unreadable.map(({ backend, reason }) => [backend, /encryption key (\w+)/.exec(reason)?.[1]]),
          [
            [A, "three"],
            [B, "one"],
            [B, "two"],
          ],
        )
        yield* is(having(two, three), { [`${A}.1`]: "a1", [`${A}.2`]: "a2" })
      }),
    )

    live("does not write over a put that comes in between", ({ bucket, having, vault }) =>
      Effect.gen(function* () {
        yield* vault.put(A, "1", key("before"))
        let puts = 0
        const crossed: Bucket = {
          ...bucket,
          store: (name, text, after) =>
            after === undefined || puts++ > 0
              ? bucket.store(name, text, after)
              : Effect.andThen(
                  Effect.orDie(vault.put(A, "1", key("between"))),
                  bucket.store(name, text, after),
                ),
        }
        assert.deepStrictEqual(yield* sealedVault(crossed, [two, one]).reseal, {
          keys: 1,
          resealed: 1,
          unreadable: [],
        })
        assert.strictEqual(puts, 2)
        yield* is(having(two), { [`${A}.1`]: "between" })
      }),
    )

    live("does not bring back a key that is dropped in between", ({ bucket, vault }) =>
      Effect.gen(function* () {
        yield* vault.put(A, "1", key("a1"))
        const crossed: Bucket = {
          ...bucket,
          store: (name, text, after) =>
            Effect.andThen(Effect.orDie(vault.drop(A)), bucket.store(name, text, after)),
        }
        yield* sealedVault(crossed, [two, one]).reseal
        yield* is(vault, { [`${A}.1`]: undefined })
        assert.deepStrictEqual(yield* bucket.revisions(), [])
      }),
    )

    live("loses nothing, and erases what is left, when it dies at any step", ({ bucket, having, vault }) =>
      Effect.gen(function* () {
        const names = ["1", "2", "3"]
        for (const name of names) yield* vault.put(A, name, key(name))
        for (let allowed = 0, done = false; !done; allowed++) {
          let left = allowed
          const step = <A, E3>(write: Effect.Effect<A, E3>) =>
            Effect.suspend(() => (left-- > 0 ? write : Effect.die("killed")))
          const dying: Bucket = {
            ...bucket,
            store: (...args) => step(bucket.store(...args)),
            erase: (revision) => step(bucket.erase(revision)),
          }
          done = Exit.isSuccess(yield* Effect.exit(sealedVault(dying, [two, one]).reseal))
          for (const name of names) yield* is(having(two, one), { [`${A}.${name}`]: name })
        }
        assert.strictEqual((yield* bucket.revisions()).length, 3)
        yield* is(having(two), { [`${A}.1`]: "1", [`${A}.2`]: "2", [`${A}.3`]: "3" })
      }),
    )
  })
