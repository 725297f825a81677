import { Effect, Layer, Redacted } from "effect"
import { layer as memoryVault } from "../../src/adapters/memory/KeyVault.ts"
import { layer as MemoryLog } from "../../src/adapters/memory/EventLog.ts"
import { Allowances } from "../../src/commands/Allowances.ts"
import { type BackendChanges, Backends } from "../../src/commands/Backends.ts"
import { Dispatcher } from "../../src/commands/dispatch.ts"
import { Gateway } from "../../src/commands/Gateway.ts"
import { KeyVault, KeyVaultUnavailable } from "../../src/commands/KeyVault.ts"
import { Backend, type KnownBackend } from "../../src/domain/Backend.ts"
import { EventLog, LogUnavailable } from "../../src/domain/EventLog.ts"
import { Fleet } from "../../src/projections/Fleet.ts"
import { settingsWith } from "../adapters/http/door.ts"
import { FreshDispatcher } from "../support/commands.ts"
import { layer as DigestLayer } from "../../src/adapters/node/Digest.ts"
import { sealingKey } from "../support/keys.ts"
import { by } from "./services.ts"

/** The commands of the gateway and its fleet, on whatever log and vault are provided. */
export const GatewayCommands = (env: Record<string, string> = {}) =>
  Layer.mergeAll(Backends.layer, Gateway.layer, Allowances.layer).pipe(
    Layer.provideMerge(Layer.mergeAll(Fleet.layer, FreshDispatcher)),
    Layer.provideMerge(Layer.mergeAll(settingsWith(env), DigestLayer)),
  )

export const MemoryVault = memoryVault([sealingKey("k1")])

/** All of it in memory. */
export const gateway = (env: Record<string, string> = {}) =>
  GatewayCommands(env).pipe(Layer.provideMerge(MemoryVault), Layer.provideMerge(MemoryLog))

/** A log in memory that is away as long as `isAway`; reading from it works. */
export const failingLog = () => {
  const state = { isAway: false, tries: 0 }
  const layer = Layer.effect(
    EventLog,
    Effect.map(EventLog, (log) => ({
      ...log,
      append: (request: Parameters<typeof log.append>[0]) =>
        Effect.suspend(() => {
          state.tries++
          return state.isAway
            ? Effect.fail(new LogUnavailable({ reason: "away", unknown: false }))
            : log.append(request)
        }),
    })),
  ).pipe(Layer.provide(MemoryLog))
  return { layer, state }
}

/** A vault in memory of which one thing fails. */
export const vaultWithout = (what: "put" | "drop") =>
  Layer.effect(
    KeyVault,
    Effect.map(KeyVault, (vault) => ({
      ...vault,
      [what]: () => Effect.fail(new KeyVaultUnavailable({ reason: "away" })),
    })),
  ).pipe(Layer.provide(MemoryVault))

export const KEY = "sk-proj-0123456789-wxyz"
export const openAi = { name: "OpenAI", api_base_url: "https://api.openai.com/v1" }

export const register = Effect.fnUntraced(function* (over: Partial<BackendChanges> = {}) {
  const backends = yield* Backends
  const backend = { ...openAi, key: Redacted.make(KEY), ...over }
  const { seq, state } = yield* backends.register(backend, by())
  const { id } = known(state)
  yield* (yield* Fleet).caughtUp(id, seq)
  return id
})

export const known = (state: typeof Backend.state.Type): KnownBackend => {
  if (state._tag !== "Known") throw new Error(`the backend is ${state._tag}`)
  return state
}

/** The backend as the log has it. */
export const backendOf = Effect.fnUntraced(function* (id: string) {
  return known((yield* (yield* Dispatcher).load(Backend, id)).state)
})

/** The key that the vault holds for a version. */
export const keyOf = Effect.fnUntraced(function* (id: string, version: string) {
  const key = yield* (yield* KeyVault).get(id, version)
  return key === undefined ? undefined : Redacted.value(key)
})
