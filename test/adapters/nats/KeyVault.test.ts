import { assert, describe, it } from "@effect/vitest"
import { Kvm } from "@nats-io/kv"
import { type Context, Effect, Layer, Redacted, Schedule } from "effect"
import { Nats } from "../../../src/adapters/nats/Connection.ts"
import { layer as KeyVaultLayer } from "../../../src/adapters/nats/KeyVault.ts"
import { secretsBucket } from "../../../src/adapters/nats/SecretsBucket.ts"
import { prepareStreams, SECRETS_BUCKET, SECRETS_STREAM } from "../../../src/adapters/nats/streams.ts"
import type { NatsAccess } from "../../../src/adapters/runtime/EmbeddedNats.ts"
import { KeyVault, type KeyUnreadable, type KeyVaultUnavailable } from "../../../src/commands/KeyVault.ts"
import { keyVaultContract } from "../../contracts/KeyVault.ts"
import { filesWith } from "../../support/disk.ts"
import { sealingKey } from "../../support/keys.ts"
import { freshNats, startNats } from "../../support/servers.ts"

const A = "bkd_aaaaaaaaaaaa"
const key = Redacted.make("sk-canary-5f1d")

/** The backend's connection to an account with its streams. */
const connectionTo = ({ backend, setup }: NatsAccess) =>
  Nats.layer(Redacted.value(backend)).pipe(
    Layer.provide(Layer.effectDiscard(prepareStreams(Redacted.value(setup)))),
  )
/** Tried again: to make streams takes longer than a client waits while the disk stalls. */
const connected = Effect.flatMap(freshNats, (access) =>
  Effect.retry(
    Layer.build(connectionTo(access)),
    Schedule.spaced("200 millis").pipe(Schedule.upTo({ duration: "40 seconds" })),
  ),
)

const vaultIn = (nats: Context.Context<Nats>, first = "one", ...others: ReadonlyArray<string>) =>
  Effect.provide(
    KeyVault,
    KeyVaultLayer([sealingKey(first), ...others.map(sealingKey)]).pipe(
      Layer.provide(Layer.succeedContext(nats)),
    ),
  )

keyVaultContract(
  "on NATS",
  Effect.flatMap(connected, (nats) => Effect.provide(secretsBucket, nats)),
)

describe("the bucket of sealed keys", () => {
  it.live(
    "the bucket of sealed keys leaves nothing of a key on the disk that was replaced, dropped or sealed anew",
    () =>
      Effect.gen(function* () {
        const { access, folder } = yield* startNats()
        const nats = yield* Layer.build(connectionTo(access))
        const bucket = yield* Effect.provide(secretsBucket, nats)
        const vault = yield* vaultIn(nats)
        const sealed = Effect.fnUntraced(function* (version: string) {
          const text = (yield* bucket.newest(`${A}.${version}`))?.text ?? ""
          const { text: part } = JSON.parse(text) as { text: string }
          assert.isTrue(filesWith(folder, part).length > 0)
          return part
        })
        for (const version of ["1", "2", "3"]) yield* vault.put(A, version, key)
        const before = yield* Effect.forEach(["1", "2", "3"], sealed)

        yield* vault.put(A, "1", Redacted.make("another"))
        assert.deepStrictEqual(filesWith(folder, before[0]!), [])

        yield* (yield* vaultIn(nats, "two", "one")).reseal
        for (const text of before) assert.deepStrictEqual(filesWith(folder, text), [])

        const after = yield* Effect.forEach(["1", "2", "3"], sealed)
        yield* vault.drop(A)
        for (const text of after) assert.deepStrictEqual(filesWith(folder, text), [])
        assert.deepStrictEqual(filesWith(folder, Redacted.value(key)), [])
      }).pipe(Effect.scoped),
  )

  it.live("the bucket of sealed keys is the backend's to fill, but not to make, change or empty", () =>
    Effect.gen(function* () {
      const nats = yield* connected
      const { connection, jsm } = yield* Effect.provide(Nats, nats)
      const vault = yield* vaultIn(nats)
      yield* vault.put(A, "1", key)
      const api = (verb: string, body: object = {}) =>
        connection.request(`$JS.API.STREAM.${verb}.${SECRETS_STREAM}`, JSON.stringify(body), {
          timeout: 1_000,
        })
      const changes: Record<string, () => Promise<unknown>> = {
        create: () => jsm.streams.add({ name: SECRETS_STREAM, subjects: ["mine"] }),
        update: () => jsm.streams.update(SECRETS_STREAM, { max_age: 1_000_000_000 }),
        purge: () => jsm.streams.purge(SECRETS_STREAM),
        "purge of one key": () =>
          jsm.streams.purge(SECRETS_STREAM, { filter: `$KV.${SECRETS_BUCKET}.${A}.1` }),
        delete: () => jsm.streams.delete(SECRETS_STREAM),
        snapshot: () => api("SNAPSHOT", { deliver_subject: "mine" }),
        restore: () => api("RESTORE"),
      }
      for (const [what, change] of Object.entries(changes)) {
        const refusal = yield* Effect.flip(Effect.asVoid(Effect.tryPromise({ try: change, catch: String })))
        assert.include(refusal, "Permissions Violation", what)
      }
      assert.strictEqual(Redacted.value((yield* vault.get(A, "1"))!), Redacted.value(key))
    }).pipe(Effect.scoped),
  )

  it.live(
    "the bucket of sealed keys can't be emptied by a roll-up either, and a key that an operator deletes is gone",
    () =>
      Effect.gen(function* () {
        const nats = yield* connected
        const { js } = yield* Effect.provide(Nats, nats)
        const bucket = yield* Effect.provide(secretsBucket, nats)
        const vault = yield* vaultIn(nats)
        const kv = yield* Effect.promise(() => new Kvm(js).open(SECRETS_BUCKET))
        yield* vault.put(A, "1", key)
        yield* Effect.flip(Effect.tryPromise(() => kv.purge(`${A}.1`)))
        assert.isDefined(yield* vault.get(A, "1"))
        yield* Effect.promise(() => kv.delete(`${A}.1`))
        assert.isUndefined(yield* vault.get(A, "1"))
        assert.deepStrictEqual(yield* vault.reseal, { keys: 0, resealed: 0, unreadable: [] })
        assert.deepStrictEqual(yield* bucket.revisions(), [])
      }).pipe(Effect.scoped),
  )

  it.live(
    "the bucket of sealed keys is said to be away while its server is, and is as it was afterwards",
    () =>
      Effect.gen(function* () {
        const { access, kill, start } = yield* startNats()
        const nats = yield* Layer.build(connectionTo(access))
        const { up } = yield* Effect.provide(Nats, nats)
        const vault = yield* vaultIn(nats)
        yield* vault.put(A, "1", key)
        yield* kill
        const questions: ReadonlyArray<Effect.Effect<unknown, KeyVaultUnavailable | KeyUnreadable>> = [
          vault.put(A, "2", key),
          vault.get(A, "1"),
          vault.drop(A),
          vault.reseal,
        ]
        const errors = yield* Effect.forEach(questions, (question) => Effect.flip(Effect.asVoid(question)), {
          concurrency: "unbounded",
        })
        for (const { message } of errors) {
          assert.strictEqual(message, "the key vault does not answer: the connection is down")
        }
        yield* start
        yield* up
        assert.strictEqual(Redacted.value((yield* vault.get(A, "1"))!), Redacted.value(key))
        assert.isUndefined(yield* vault.get(A, "2"))
      }).pipe(Effect.scoped),
  )
})
