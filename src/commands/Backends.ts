import { Context, Effect, Layer, Redacted } from "effect"
import { knowing } from "../domain/Aggregate.ts"
import {
  Backend,
  type BackendCommand,
  type BackendEvent,
  BackendExists,
  BackendNotFound,
  type BackendRefusal,
  type BackendState,
} from "../domain/Backend.ts"
import { Digest } from "../domain/Digest.ts"
import { backoffOf } from "../domain/Gateway.ts"
import { Fleet } from "../projections/Fleet.ts"
import { type DispatchFailure, Dispatcher, type Outcome } from "./dispatch.ts"
import type { Envelope } from "./Envelope.ts"
import { KeyVault, type KeyVaultUnavailable } from "./KeyVault.ts"
import type { Observation, Probed } from "./Observation.ts"
import { makeObserve } from "./observe.ts"
import { refusing } from "./refusing.ts"
import { keyReserver } from "./reserveKey.ts"

type Command<Tag> = Extract<BackendCommand, { readonly _tag: Tag }>
type Registration = Omit<Command<"RegisterBackend">, "_tag" | "id" | "key_version" | "key_mask">

export type NewBackend = Pick<Registration, "name" | "api_base_url"> &
  Partial<Registration> & { readonly key: Redacted.Redacted }
/** With a `key` the old one is replaced, in the same record as the other changes. */
export type BackendChanges = Omit<Command<"ChangeBackend">, "_tag" | "key"> & {
  readonly key?: Redacted.Redacted
}

type Done = Effect.Effect<
  Outcome<BackendState, BackendEvent>,
  BackendRefusal | DispatchFailure | KeyVaultUnavailable
>

/** The commands that operators give to backends, and what the gateway sees of them. */
export class Backends extends Context.Service<
  Backends,
  {
    readonly register: (backend: NewBackend, envelope: Envelope) => Done
    readonly change: (id: string, changes: BackendChanges, envelope: Envelope) => Done
    readonly rotateKey: (id: string, key: Redacted.Redacted, envelope: Envelope) => Done
    readonly remove: (id: string, envelope: Envelope) => Done
    /** Never fails: tried again for half a minute while the log is away, then dropped. In the background, if nobody is to wait. */
    readonly observe: (observation: Observation) => Effect.Effect<void>
    readonly reportHealth: (backend: string, probed: Probed) => Effect.Effect<void>
  }
>()("crewlog/commands/Backends") {
  static readonly layer = Layer.effect(
    Backends,
    Effect.gen(function* () {
      const dispatcher = yield* Dispatcher
      const digest = yield* Digest
      const vault = yield* KeyVault
      const fleet = yield* Fleet
      const reserveKey = keyReserver(dispatcher, digest)

      const give = (id: string, command: BackendCommand, envelope: Envelope) =>
        dispatcher.dispatch(knowing(Backend, backoffOf(fleet.options())), id, command, envelope)
      const refuse = (id: string, refusal: BackendRefusal, envelope: Envelope) =>
        dispatcher.dispatch(refusing(Backend, refusal), id, undefined, envelope)

      /** Of another key under the same command id the version is another: the first one stays what it is. */
      const versionOf = (id: string, { commandId, fingerprint }: Envelope) =>
        digest.sha256(`key:${id}:${commandId}:${fingerprint}`).slice(0, 32)

      const seal = Effect.fnUntraced(function* (id: string, key: Redacted.Redacted, envelope: Envelope) {
        const key_version = versionOf(id, envelope)
        yield* vault.put(id, key_version, key)
        return { key_version, key_mask: maskOf(Redacted.value(key)) }
      })

      /** Drops keys that the log no longer refers to. A key that stays over does no harm, and goes with the next. */
      const drop = (id: string, except?: string) =>
        vault
          .drop(id, except)
          .pipe(
            Effect.catch((error) =>
              Effect.logWarning(`an old key of backend ${id} is still in the vault`, error),
            ),
          )

      const register = Effect.fnUntraced(function* ({ key, ...backend }: NewBackend, envelope: Envelope) {
        const id = `bkd_${digest.sha256(`backend:${envelope.commandId}`).slice(0, 12)}`
        const { state } = yield* dispatcher.load(Backend, id)
        // Refused, or answered as the first time: in neither case is this key referred to.
        if (state._tag !== "Absent") return yield* refuse(id, new BackendExists({ id }), envelope)
        yield* reserveKey(envelope)
        const { rpm_limit } = fleet.options()
        const sealed = yield* seal(id, key, envelope)
        const registration = { ...blank, rpm_limit, ...backend, ...sealed, id }
        return yield* give(id, { _tag: "RegisterBackend", ...registration }, envelope)
      })

      const change = Effect.fnUntraced(function* (
        id: string,
        { key, ...changes }: BackendChanges,
        envelope: Envelope,
      ) {
        const change = { _tag: "ChangeBackend", ...changes } as const
        if (key === undefined) return yield* give(id, change, envelope)
        const { state } = yield* dispatcher.load(Backend, id)
        // Refused, unless it is the repeat of what was done before.
        if (state._tag !== "Known") return yield* refuse(id, new BackendNotFound(), envelope)
        const sealed = yield* seal(id, key, envelope)
        const outcome = yield* give(id, { ...change, key: sealed }, envelope)
        if (!outcome.repeated) yield* drop(id, sealed.key_version)
        return outcome
      })

      return Backends.of({
        register,
        change,
        rotateKey: (id, key, envelope) => change(id, { key }, envelope),
        remove: (id, envelope) =>
          give(id, { _tag: "RemoveBackend" }, envelope).pipe(Effect.tap(() => drop(id))),
        ...(yield* makeObserve),
      })
    }),
  )
}

const LONG_ENOUGH = 16

/** The first 6 and the last 4 characters; nothing of a key so short that this would give it away. */
const maskOf = (key: string): string =>
  key.length < LONG_ENOUGH ? "*".repeat(10) : `${key.slice(0, 6)}****${key.slice(-4)}`.toWellFormed()

const blank = {
  label: "",
  api: "openai-completions",
  timeout_seconds: 600,
  pool: "primary",
  cooldown_scope: "backend",
  model_mappings: {},
  metadata: {},
  source: "webui",
  is_enabled: true,
} as const
