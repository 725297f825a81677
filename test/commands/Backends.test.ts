import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { layer as MemoryLog } from "../../src/adapters/memory/EventLog.ts"
import { layer as natsVault } from "../../src/adapters/nats/KeyVault.ts"
import { Backends } from "../../src/commands/Backends.ts"
import { Dispatcher } from "../../src/commands/dispatch.ts"
import { enrolAdmin } from "../../src/commands/firstStart.ts"
import { keyReserver } from "../../src/commands/reserveKey.ts"
import { Digest } from "../../src/domain/Digest.ts"
import { Fleet } from "../../src/projections/Fleet.ts"
import { sealingKey } from "../support/keys.ts"
import { FreshLog } from "../support/log.ts"
import {
  backendOf,
  failingLog,
  GatewayCommands,
  gateway,
  KEY,
  keyOf,
  known,
  MemoryVault,
  openAi,
  register,
  vaultWithout,
} from "./gateways.ts"
import { by, records, story } from "./services.ts"

const real = GatewayCommands().pipe(
  Layer.provideMerge(natsVault([sealingKey("k1")])),
  Layer.provideMerge(FreshLog),
)
const key = Redacted.make(KEY)
const another = Redacted.make("sk-another-9876543210")

const registers = Effect.gen(function* () {
  const backends = yield* Backends
  const envelope = by()
  const { state } = yield* backends.register({ ...openAi, key }, envelope)
  const { id, key_mask, key_version } = known(state)
  assert.match(id, /^bkd_[0-9a-f]{12}$/)
  assert.strictEqual(key_mask, "sk-pro****wxyz")
  assert.strictEqual(yield* keyOf(id, key_version), KEY)
  assert.notInclude(JSON.stringify(yield* records), KEY.slice(6, -4))

  const again = yield* backends.register({ ...openAi, key }, envelope)
  assert.isTrue(again.repeated)
  assert.deepStrictEqual(again.state, state)
  assert.deepStrictEqual(yield* story, ["backend: BackendRegistered"])
  assert.strictEqual(yield* keyOf(id, key_version), KEY)
})

const refusesUsedKeys = Effect.gen(function* () {
  const backends = yield* Backends
  const envelope = by()
  yield* backends.register({ ...openAi, key }, envelope)
  const before = yield* story
  const other = backends.register({ ...openAi, name: "Another", key }, { ...envelope, fingerprint: "other" })
  assert.strictEqual((yield* Effect.flip(other))._tag, "KeyReused")
  assert.deepStrictEqual(yield* story, before)
})

const refusesKeysOfOtherCollections = Effect.gen(function* () {
  const backends = yield* Backends
  const dispatcher = yield* Dispatcher
  const digest = yield* Digest
  yield* enrolAdmin("0".repeat(64))
  const admin = { slug: "admin", name: "Admin", type: "human", role: "admin" } as const
  const envelope = by({ actor: admin, fingerprint: "a project's" })
  yield* keyReserver(dispatcher, digest)(envelope)
  const before = yield* story
  const other = backends.register({ ...openAi, key }, { ...envelope, fingerprint: "a backend's" })
  assert.strictEqual((yield* Effect.flip(other))._tag, "KeyReused")
  assert.deepStrictEqual(yield* story, before)
})

const removes = Effect.gen(function* () {
  const backends = yield* Backends
  const id = yield* register()
  const { key_version } = yield* backendOf(id)
  const envelope = by()
  yield* backends.remove(id, envelope)
  assert.isUndefined(yield* keyOf(id, key_version))
  assert.isTrue((yield* backends.remove(id, envelope)).repeated)
  assert.strictEqual((yield* Effect.flip(backends.change(id, { name: "x" }, by())))._tag, "BackendNotFound")
  assert.strictEqual((yield* Effect.flip(backends.rotateKey(id, key, by())))._tag, "BackendNotFound")
})

describe("Backends", () => {
  it.effect("registers a backend: the key is in the vault, the log has its mask, a repeat finds it", () =>
    registers.pipe(Effect.provide(gateway())),
  )
  it.live("the service of backends registers a backend on a real log and in a real vault, too", () =>
    registers.pipe(Effect.provide(real)),
  )

  it.effect("the service of backends refuses a used key for another backend, and records nothing of it", () =>
    refusesUsedKeys.pipe(Effect.provide(gateway())),
  )
  it.effect("a key that was used to make something of another kind is refused for backends", () =>
    refusesKeysOfOtherCollections.pipe(Effect.provide(gateway())),
  )

  it.effect("the service of backends drops the keys of a removed backend", () =>
    removes.pipe(Effect.provide(gateway())),
  )
  it.live("the service of backends drops the keys of a removed backend from a real vault, too", () =>
    removes.pipe(Effect.provide(real)),
  )

  it.effect("fills in what was not said; the rate is the gateway's", () =>
    Effect.gen(function* () {
      const id = yield* register()
      assert.deepInclude(yield* backendOf(id), {
        label: "",
        api: "openai-completions",
        timeout_seconds: 600,
        rpm_limit: 7,
        pool: "primary",
        cooldown_scope: "backend",
        source: "webui",
        is_enabled: true,
      })
      const other = yield* register({ rpm_limit: 9, is_enabled: false })
      assert.deepInclude(yield* backendOf(other), { rpm_limit: 9, is_enabled: false })
    }).pipe(Effect.provide(gateway({ CREWLOG_RPM_LIMIT: "7" }))),
  )

  it.effect("the service of backends shows nothing of a short key", () =>
    Effect.gen(function* () {
      const masks: Array<string> = []
      for (const text of ["x", "0123456789abcde", "0123456789abcdef"]) {
        masks.push((yield* backendOf(yield* register({ key: Redacted.make(text) }))).key_mask)
      }
      assert.deepStrictEqual(masks, ["**********", "**********", "012345****cdef"])
    }).pipe(Effect.provide(gateway())),
  )

  it.effect(
    "the service of backends leaves the key alone when a used Idempotency-Key comes with another one",
    () =>
      Effect.gen(function* () {
        const backends = yield* Backends
        const envelope = by()
        const { id, key_version } = known((yield* backends.register({ ...openAi, key }, envelope)).state)
        const other = { ...envelope, fingerprint: "f".repeat(16) }
        for (const misused of [
          backends.register({ ...openAi, key: another }, other),
          backends.rotateKey(id, another, other),
        ]) {
          assert.strictEqual((yield* Effect.flip(misused))._tag, "KeyReused")
        }
        assert.strictEqual(yield* keyOf(id, key_version), KEY)
      }).pipe(Effect.provide(gateway())),
  )

  it.effect("the service of backends records nothing when the key can't be put", () =>
    Effect.gen(function* () {
      const backends = yield* Backends
      const failed = yield* Effect.flip(backends.register({ ...openAi, key }, by()))
      assert.strictEqual(failed._tag, "KeyVaultUnavailable")
      assert.deepStrictEqual(yield* story, [])
    }).pipe(
      Effect.provide(
        GatewayCommands().pipe(Layer.provideMerge(vaultWithout("put")), Layer.provideMerge(MemoryLog)),
      ),
    ),
  )

  it.effect("completes with a repeat what stopped between the key and the record", () => {
    const { layer, state } = failingLog()
    return Effect.gen(function* () {
      const backends = yield* Backends
      const envelope = by()
      state.isAway = true
      const failed = yield* Effect.flip(backends.register({ ...openAi, key }, envelope))
      assert.strictEqual(failed._tag, "LogUnavailable")
      state.isAway = false
      const { repeated, state: registered } = yield* backends.register({ ...openAi, key }, envelope)
      const { id, key_version } = known(registered)
      assert.isFalse(repeated)
      assert.strictEqual(yield* keyOf(id, key_version), KEY)

      state.isAway = true
      const rotation = by()
      yield* Effect.flip(backends.rotateKey(id, another, rotation))
      assert.strictEqual((yield* backendOf(id)).key_version, key_version)
      assert.strictEqual(yield* keyOf(id, key_version), KEY)
      state.isAway = false
      const { state: rotated } = yield* backends.rotateKey(id, another, rotation)
      assert.strictEqual(yield* keyOf(id, known(rotated).key_version), Redacted.value(another))
    }).pipe(
      Effect.provide(GatewayCommands().pipe(Layer.provideMerge(MemoryVault), Layer.provideMerge(layer))),
    )
  })

  it.effect("the service of backends does what was asked for though old keys can't be dropped", () =>
    Effect.gen(function* () {
      const backends = yield* Backends
      const id = yield* register()
      yield* backends.rotateKey(id, another, by())
      yield* backends.remove(id, by())
      assert.deepStrictEqual(yield* story, [
        "backend: BackendRegistered",
        "backend: KeyRotated",
        "backend: BackendRemoved",
      ])
    }).pipe(
      Effect.provide(
        GatewayCommands().pipe(Layer.provideMerge(vaultWithout("drop")), Layer.provideMerge(MemoryLog)),
      ),
    ),
  )

  it.effect(
    "the service of backends changes a backend and its key in one record, and drops the key before",
    () =>
      Effect.gen(function* () {
        const backends = yield* Backends
        const id = yield* register()
        const before = yield* backendOf(id)
        yield* TestClock.adjust("5 minutes")
        const envelope = by()
        const changes = { pool: "fallback", is_enabled: false, key: another } as const
        const { seq } = yield* backends.change(id, changes, envelope)
        assert.deepStrictEqual(yield* story, [
          "backend: BackendRegistered",
          "backend: BackendChanged, BackendDisabled, KeyRotated",
        ])
        const after = yield* backendOf(id)
        assert.deepInclude(after, { pool: "fallback", is_enabled: false, key_mask: "sk-ano****3210" })
        assert.strictEqual(yield* keyOf(id, after.key_version), Redacted.value(another))
        assert.isUndefined(yield* keyOf(id, before.key_version))
        const again = yield* backends.change(id, changes, envelope)
        assert.deepInclude(again, { seq, repeated: true })
        assert.strictEqual(yield* keyOf(id, after.key_version), Redacted.value(another))
      }).pipe(Effect.provide(gateway())),
  )

  it.effect("the service of backends keeps to the version that was seen", () =>
    Effect.gen(function* () {
      const backends = yield* Backends
      const fleet = yield* Fleet
      const id = yield* register()
      const ifMatch = fleet.versionOf(id)
      yield* backends.change(id, { rpm_limit: 10 }, by({ ifMatch }))
      const late = yield* Effect.flip(backends.change(id, { rpm_limit: 11 }, by({ ifMatch })))
      assert.strictEqual(late._tag, "VersionMismatch")
    }).pipe(Effect.provide(gateway())),
  )
})
