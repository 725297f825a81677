import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Layer, Logger, Redacted, References } from "effect"
import { TestClock } from "effect/testing"
import { inspect } from "node:util"
import { KeyRing } from "../../../../src/adapters/llm/keys/KeyRing.ts"
import { layer as MemoryLog } from "../../../../src/adapters/memory/EventLog.ts"
import { memoryBucket } from "../../../../src/adapters/memory/KeyVault.ts"
import { layer as Digest } from "../../../../src/adapters/node/Digest.ts"
import { sealedVault } from "../../../../src/adapters/sealedVault.ts"
import { KeyVault, KeyVaultUnavailable } from "../../../../src/commands/KeyVault.ts"
import type { BackendEvent } from "../../../../src/domain/Backend.ts"
import { EventLog } from "../../../../src/domain/EventLog.ts"
import { Fleet } from "../../../../src/projections/Fleet.ts"
import { sealingKey } from "../../../support/keys.ts"
import { recordOf } from "../../../support/records.ts"
import { settingsWith } from "../../http/door.ts"

const [A, B] = ["bkd_aaaaaaaaaaaa", "bkd_bbbbbbbbbbbb"]
const CANARY = "sk-canary-77c0"
const key = (name: string) => Redacted.make(`${CANARY}-${name}`)

const registered = (id: string, key_version: string): BackendEvent => ({
  _tag: "BackendRegistered",
  v: 1,
  id,
  source: "webui",
  key_version,
  key_mask: "sk-can****77c0",
  name: "One",
  label: "",
  api_base_url: "https://api.example.com/v1",
  api: "openai-completions",
  timeout_seconds: 120,
  rpm_limit: 40,
  pool: "primary",
  cooldown_scope: "backend",
  model_mappings: {},
  metadata: {},
  is_enabled: true,
})
const rotated = (key_version: string): BackendEvent => ({
  _tag: "KeyRotated",
  v: 1,
  key_version,
  key_mask: "sk-can****77c0",
})

/** A vault that can be away or slow, and counts what it is asked. */
class Vault {
  readonly bucket = memoryBucket()
  reason: string | undefined
  gate: Deferred.Deferred<void> | undefined
  readonly asked: Array<string> = []

  with(name: string) {
    return sealedVault(this.bucket, [sealingKey(name)])
  }

  readonly layer = Layer.sync(KeyVault, () => ({
    ...this.with("one"),
    get: (backend, version) =>
      Effect.gen({ self: this }, function* () {
        this.asked.push(`${backend}.${version}`)
        if (this.gate !== undefined) yield* Deferred.await(this.gate)
        if (this.reason !== undefined) return yield* new KeyVaultUnavailable({ reason: this.reason })
        return yield* this.with("one").get(backend, version)
      }),
  }))
}

interface World {
  readonly vault: Vault
  readonly logged: ReadonlyArray<string>
}

const test = <E>(title: string, run: (world: World) => Effect.Effect<void, E, EventLog | Fleet>) =>
  it.effect(title, () => {
    const world = { vault: new Vault(), logged: new Array<string>() }
    const logger = Logger.make(({ logLevel, message }) => {
      world.logged.push(`${logLevel}: ${String(message)}`)
    })
    return run(world).pipe(
      Effect.tap(() => Effect.sync(() => assert.notInclude(world.logged.join("\n"), CANARY))),
      Effect.provide(
        Fleet.layer.pipe(
          Layer.provide([Digest, settingsWith()]),
          Layer.provideMerge(MemoryLog),
          Layer.provideMerge(Logger.layer([logger])),
        ),
      ),
      Effect.provideService(References.MinimumLogLevel, "Warn"),
    )
  })

const record = Effect.fnUntraced(function* (id: string, event: BackendEvent) {
  const log = yield* EventLog
  const subject = { type: "backend", id } as const
  const guard = (yield* log.last(subject))?.seq ?? 0
  const { seq } = yield* log.append({ subject, guard, record: recordOf(guard, { events: [event] }) })
  yield* (yield* Fleet).caughtUp(id, seq)
})

const ringOf = ({ vault }: World) =>
  Effect.map(Layer.build(KeyRing.layer.pipe(Layer.provide(vault.layer))), (built) => built).pipe(
    Effect.flatMap((built) => Effect.provide(KeyRing, built)),
  )

const until = (condition: () => boolean) =>
  Effect.yieldNow.pipe(
    Effect.repeat({ until: () => condition(), times: 10_000 }),
    Effect.andThen(Effect.sync(() => assert.isTrue(condition()))),
  )

describe("the key ring", () => {
  test("the key ring has the keys that backends refer to from its start, and follows them", (world) =>
    Effect.gen(function* () {
      const { vault } = world
      yield* vault.with("one").put(A, "1", key("a1"))
      yield* vault.with("one").put(B, "1", key("b1"))
      yield* record(A, registered(A, "1"))
      const ring = yield* ringOf(world)
      assert.strictEqual(ring.keyOf(A), `${CANARY}-a1`)
      assert.isUndefined(ring.keyOf(B))

      yield* record(B, registered(B, "1"))
      yield* until(() => ring.keyOf(B) === `${CANARY}-b1`)
      yield* vault.with("one").put(A, "2", key("a2"))
      yield* record(A, rotated("2"))
      yield* until(() => ring.keyOf(A) === `${CANARY}-a2`)
      yield* record(A, { _tag: "BackendRemoved", v: 1 })
      assert.isUndefined(ring.keyOf(A))
      assert.strictEqual(ring.keyOf(B), `${CANARY}-b1`)
      assert.deepStrictEqual(vault.asked, [`${A}.1`, `${B}.1`, `${A}.2`])
      assert.deepStrictEqual(world.logged, [])
    }).pipe(Effect.scoped))

  test("the key ring never gives the old key for the new version, however slow the vault is", (world) =>
    Effect.gen(function* () {
      const { vault } = world
      yield* vault.with("one").put(A, "1", key("a1"))
      yield* record(A, registered(A, "1"))
      const ring = yield* ringOf(world)
      let told = 0
      const undo = ring.onChange(() => told++)
      const gate = (vault.gate = yield* Deferred.make<void>())
      yield* vault.with("one").put(A, "2", key("a2"))
      yield* record(A, rotated("2"))
      assert.isUndefined(ring.keyOf(A))
      yield* until(() => vault.asked.length === 2)
      assert.isUndefined(ring.keyOf(A))
      // It comes too late for the third.
      yield* vault.with("one").put(A, "3", key("a3"))
      yield* record(A, rotated("3"))
      yield* Deferred.succeed(gate, undefined)
      yield* until(() => ring.keyOf(A) !== undefined)
      assert.strictEqual(ring.keyOf(A), `${CANARY}-a3`)
      assert.isAtLeast(told, 1)
      const before = told
      undo()
      yield* record(B, registered(B, "9"))
      yield* until(() => ring.withoutKey().size === 1)
      assert.strictEqual(told, before)
    }).pipe(Effect.scoped))

  test("fetches keys again while the vault is away, with one warning, and serves what it has", (world) =>
    Effect.gen(function* () {
      const { logged, vault } = world
      yield* vault.with("one").put(A, "1", key("a1"))
      yield* vault.with("one").put(B, "1", key("b1"))
      yield* record(A, registered(A, "1"))
      const ring = yield* ringOf(world)
      vault.reason = "no server"
      let told = 0
      ring.onChange(() => {
        told++
        throw new Error("a listener's own trouble")
      })
      yield* record(B, registered(B, "1"))
      yield* until(() => ring.withoutKey().has(B))
      assert.deepStrictEqual([...ring.withoutKey()], [[B, "the key vault does not answer: no server"]])
      yield* TestClock.adjust("1 minute")
      const tries = vault.asked.filter((name) => name === `${B}.1`).length
      assert.isAtLeast(tries, 8)
      assert.isAtMost(tries, 20)
      assert.strictEqual(ring.keyOf(A), `${CANARY}-a1`)

      vault.reason = undefined
      yield* TestClock.adjust("10 seconds")
      yield* until(() => ring.keyOf(B) === `${CANARY}-b1`)
      assert.strictEqual(ring.withoutKey().size, 0)
      assert.strictEqual(told, 2)
      assert.deepStrictEqual(
        logged.filter((line) => line.startsWith("Warn")),
        [
          `Warn: the key of backend ${B} is fetched until it is here: the key vault does not answer: no server`,
        ],
      )
    }).pipe(Effect.scoped))

  test("the key ring starts while the vault is away or silent, and tries one in trouble no more often for changes", (world) =>
    Effect.gen(function* () {
      const { vault } = world
      yield* vault.with("one").put(A, "1", key("a1"))
      vault.reason = "no server"
      yield* record(A, registered(A, "1"))
      const ring = yield* ringOf(world)
      assert.deepStrictEqual([...ring.withoutKey().keys()], [A])
      for (let change = 0; change < 50; change++) {
        yield* record(A, { _tag: change % 2 === 0 ? "BackendDisabled" : "BackendEnabled", v: 1 })
      }
      yield* until(() => ring.withoutKey().has(A))
      assert.strictEqual(vault.asked.length, 1)

      vault.gate = yield* Deferred.make<void>()
      const another = yield* Effect.forkChild(ringOf(world), { startImmediately: true })
      yield* until(() => vault.asked.length === 2)
      yield* TestClock.adjust("3 seconds")
      yield* until(() => another.pollUnsafe() !== undefined)
    }).pipe(Effect.scoped))

  test("the key ring says which backend's key can't be read and by which sealing key, once, until it is set anew", (world) =>
    Effect.gen(function* () {
      const { logged, vault } = world
      yield* vault.with("two").put(A, "1", key("a1"))
      yield* record(A, registered(A, "1"))
      yield* record(B, registered(B, "1"))
      const ring = yield* ringOf(world)
      yield* TestClock.adjust("1 minute")
      assert.include(ring.withoutKey().get(A), "sealed with the encryption key two, which is not configured")
      assert.include(ring.withoutKey().get(B), "not in the key vault")
      assert.strictEqual(logged.length, 2)
      assert.match(logged[0]!, /^Error: backend bkd_aaaaaaaaaaaa has no key: it is sealed with .* two,/)
      assert.match(logged[1]!, /^Error: backend bkd_bbbbbbbbbbbb has no key: it is not in the key vault/)

      yield* vault.with("one").put(A, "1", key("anew"))
      yield* TestClock.adjust("10 seconds")
      yield* until(() => ring.keyOf(A) === `${CANARY}-anew`)
      yield* vault.with("one").put(B, "2", key("b2"))
      yield* record(B, rotated("2"))
      yield* until(() => ring.keyOf(B) === `${CANARY}-b2`)
      assert.strictEqual(ring.withoutKey().size, 0)
    }).pipe(Effect.scoped))

  test("the key ring shows no key to who prints it", (world) =>
    Effect.gen(function* () {
      yield* world.vault.with("one").put(A, "1", key("a1"))
      yield* record(A, registered(A, "1"))
      const ring = yield* ringOf(world)
      assert.isDefined(ring.keyOf(A))
      const shown = inspect(ring, { depth: 20, showHidden: true }) + JSON.stringify(ring) + String(ring)
      assert.notInclude(shown, CANARY)
    }).pipe(Effect.scoped))
})
