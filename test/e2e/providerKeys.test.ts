import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger, Redacted, References } from "effect"
import { inspect } from "node:util"
import { KeyRing } from "../../src/adapters/llm/keys/KeyRing.ts"
import { layer as KeyVaultLayer } from "../../src/adapters/nats/KeyVault.ts"
import { rebuild } from "../../src/adapters/postgres/rebuild.ts"
import { Backends } from "../../src/commands/Backends.ts"
import { KeyVault } from "../../src/commands/KeyVault.ts"
import { GatewayCommands, known, openAi } from "../commands/gateways.ts"
import { by, records } from "../commands/services.ts"
import { until } from "../support/agents.ts"
import { filesWith } from "../support/disk.ts"
import { sealingKey } from "../support/keys.ts"
import { logOn } from "../support/log.ts"
import { startNats, startPostgres } from "../support/servers.ts"

const CANARY = "canary-3fd1c2"
/** The key of a provider. The mask shows its first 6 and last 4 characters, and nothing of the canary. */
const key = (name: string) => Redacted.make(`sk-abc-${name}-${CANARY}-${name}-wxyz`)

describe("providers' keys", () => {
  it.live(
    "providers' keys are on no disk, in no row, in no record and in no log line, whatever is done with them",
    () =>
      Effect.gen(function* () {
        const [nats, postgres] = yield* Effect.all([startNats(), startPostgres()], { concurrency: 2 })
        const said: Array<unknown> = []
        const World = KeyRing.layer.pipe(
          Layer.provideMerge(GatewayCommands()),
          Layer.provideMerge(KeyVaultLayer([sealingKey("new"), sealingKey("old")])),
          Layer.provideMerge(logOn(nats.access)),
          Layer.provideMerge(Logger.layer([Logger.make((entry) => said.push(entry))])),
        )
        yield* Effect.gen(function* () {
          const backends = yield* Backends
          const ring = yield* KeyRing
          const { id } = known((yield* backends.register({ ...openAi, key: key("one") }, by())).state)
          yield* until("the first key", () => ring.keyOf(id) === Redacted.value(key("one")))
          const outcome = yield* backends.change(id, { name: "Other", key: key("two") }, by())
          yield* until("the second key", () => ring.keyOf(id) === Redacted.value(key("two")))
          yield* backends.rotateKey(id, key("three"), by())
          yield* until("the third key", () => ring.keyOf(id) === Redacted.value(key("three")))
          yield* backends.register({ ...openAi, key: key("four") }, by())
          yield* (yield* KeyVault).reseal
          said.push(inspect([outcome, ring], { depth: 20, showHidden: true }), yield* records)
          yield* Effect.scoped(rebuild({ url: Redacted.make(postgres.url), schema: "crewlog" }))
          yield* backends.remove(id, by())
        }).pipe(Effect.provide(World), Effect.provideService(References.MinimumLogLevel, "Trace"))

        yield* Effect.all([nats.stop, postgres.stop], { concurrency: 2 })
        for (const folder of [nats.folder, postgres.folder]) {
          assert.deepStrictEqual(filesWith(folder, CANARY), [])
          assert.isNotEmpty(filesWith(folder, "sk-abc****wxyz"), folder)
        }
        assert.notInclude(inspect(said, { depth: 20, maxArrayLength: null }), CANARY)
      }).pipe(Effect.scoped),
  )
})
