import { DateTime, Effect, Redacted, Schema } from "effect"
import { type BackendChanges, Backends, type NewBackend } from "../commands/Backends.ts"
import { Dispatcher, type Outcome } from "../commands/dispatch.ts"
import {
  Backend,
  type BackendEvent,
  BackendId,
  BackendNotFound,
  type BackendState,
} from "../domain/Backend.ts"
import { Fleet } from "../projections/Fleet.ts"
import { InvalidInput } from "./EdgeRefusal.ts"
import * as examples from "./examples.ts"
import { BackendBody, backendChanges, newBackend, newKey, type NewMappings } from "./gatewayBodies.ts"
import { about, command, question } from "./Operation.ts"
import { admins } from "./rights.ts"
import { shownBackend } from "./shownBackend.ts"
import { UpstreamRules } from "./UpstreamRules.ts"

type BackendOutcome = Outcome<BackendState, BackendEvent>

const may = admins("manage the gateway")
const byId = { id: BackendId }
const ofBackend = about(Backend, ({ id }: { readonly id: string }) => id)
const example = { input: { id: examples.ids.backend }, output: examples.backend }

/** Mappings as backends have them: a model without a name of its own is called as callers call it. */
const mappingsOf = (mappings: NewMappings): NonNullable<NewBackend["model_mappings"]> =>
  Object.fromEntries(
    Object.entries(mappings).map(([name, { native_id = name, ...mapping }]) => [
      name,
      { native_id, ...mapping },
    ]),
  )

interface Written {
  readonly enabled?: boolean | undefined
  readonly model_mappings?: NewMappings | undefined
}
/** Fields by the names that backends have inside. */
const inside = ({ enabled, model_mappings }: Written) => ({
  ...(enabled === undefined ? {} : { is_enabled: enabled }),
  ...(model_mappings === undefined ? {} : { model_mappings: mappingsOf(model_mappings) }),
})

const checkUrl = Effect.fnUntraced(function* (url: string | undefined) {
  const message = url === undefined ? undefined : yield* UpstreamRules.use((rules) => rules.objection(url))
  if (message !== undefined) return yield* new InvalidInput({ errors: [{ field: "api_base_url", message }] })
})

/** The mask of the key that a backend has. */
const maskOf = Effect.fnUntraced(function* (id: string) {
  const { state } = yield* Dispatcher.use((dispatcher) => dispatcher.load(Backend, id))
  return state._tag === "Known" ? state.key_mask : undefined
})

interface Present extends BackendOutcome {
  readonly state: Extract<BackendState, { readonly _tag: "Known" }>
  /** The time for which the answer says how the backend stands: for a repeat that of the first. */
  readonly asOf: string
}

const now = Effect.map(DateTime.now, DateTime.formatIso)

/** The outcome while the backend is there: one that was removed in between is not shown. */
const present = (outcome: BackendOutcome): Effect.Effect<Present, BackendNotFound> => {
  const { at, state } = outcome
  return state._tag === "Known"
    ? Effect.map(at === null ? now : Effect.succeed(at), (asOf) => ({ ...outcome, state, asOf }))
    : Effect.fail(new BackendNotFound())
}

const known = ({ seq, state }: Present) => Fleet.use((fleet) => fleet.caughtUp(state.id, seq))

const told = ({ asOf, state }: Present) => shownBackend(state, asOf)

const registerBackend = command({
  name: "backend.register",
  summary: "Registers a backend",
  description:
    "One provider's key at one URL, and the models that it serves. The key is sealed and shown to nobody again.",
  input: newBackend,
  output: BackendBody,
  rest: ["POST", "/api/admin/backends", 201],
  may,
  refusals: ["BackendExists", "KeyVaultUnavailable", "BackendNotFound"],
  example: {
    input: {
      name: examples.backend.name,
      api: "openai-responses",
      rpm_limit: 500,
      api_base_url: examples.backend.api_base_url,
      api_key: "sk-your-key",
      model_mappings: { small: { native_id: "gpt-5-mini" } },
    },
    output: examples.backend,
  },
  isVersioned: true,
  isInMemory: true,
  known,
  give: ({ api_key, enabled, model_mappings, ...others }, { envelope }) =>
    checkUrl(others.api_base_url).pipe(
      Effect.andThen(
        Backends.use((backends) =>
          backends.register(
            { ...others, ...inside({ enabled, model_mappings }), key: Redacted.make(api_key) },
            envelope,
          ),
        ),
      ),
      Effect.flatMap(present),
    ),
  tell: told,
})

const changeBackend = command({
  name: "backend.change",
  summary: "Changes a backend",
  description:
    "Fields that are left out stay. `api_key` rotates the key, unless it is the mask that was shown; another scheme, host or port needs the key for it.",
  input: { ...byId, ...backendChanges },
  output: BackendBody,
  shown: BackendBody.fields,
  rest: ["PUT", "/api/admin/backends/:id", 200],
  of: ofBackend,
  may,
  refusals: ["BackendNotFound", "KeyNeeded", "KeyVaultUnavailable"],
  example: {
    input: { id: examples.ids.backend, pool: "fallback" },
    output: { ...examples.backend, pool: "fallback" },
  },
  isVersioned: true,
  isInMemory: true,
  known,
  give: ({ api_key, enabled, id, model_mappings, ...others }, { envelope }) =>
    Effect.gen(function* () {
      yield* checkUrl(others.api_base_url)
      const isNew = api_key !== undefined && api_key !== (yield* maskOf(id))
      const changes: BackendChanges = {
        ...others,
        ...inside({ enabled, model_mappings }),
        ...(isNew ? { key: Redacted.make(api_key) } : {}),
      }
      const outcome = yield* Backends.use((backends) => backends.change(id, changes, envelope))
      return yield* present(outcome)
    }),
  tell: told,
})

const removeBackend = command({
  name: "backend.remove",
  summary: "Removes a backend",
  description: "Requests that it is serving end as they would have. Its key goes with it.",
  input: byId,
  rest: ["DELETE", "/api/admin/backends/:id", 204],
  of: ofBackend,
  may,
  refusals: ["BackendNotFound"],
  example: { input: { id: examples.ids.backend } },
  isInMemory: true,
  known: ({ seq }, { id }) => Fleet.use((fleet) => fleet.caughtUp(id, seq)),
  give: ({ id }, { envelope }) => Backends.use((backends) => backends.remove(id, envelope)),
})

const rotateBackendKey = command({
  name: "backend.rotate",
  summary: "Gives a backend a new key",
  description: "While requests run: those that were sent with the old key end as they would have.",
  input: { ...byId, ...newKey },
  output: BackendBody,
  rest: ["POST", "/api/admin/backends/:id/key", 200],
  of: ofBackend,
  may,
  refusals: ["BackendNotFound", "KeyVaultUnavailable", "KeyNeeded"],
  example: { input: { id: examples.ids.backend, api_key: "sk-your-new-key" }, output: examples.backend },
  isVersioned: true,
  isInMemory: true,
  known,
  give: ({ api_key, id }, { envelope }) =>
    Effect.flatMap(
      Backends.use((backends) => backends.rotateKey(id, Redacted.make(api_key), envelope)),
      present,
    ),
  tell: told,
})

const switching = <const Name extends "enable" | "disable">(
  name: Name,
  summary: string,
  description: string,
) =>
  command({
    name: `backend.${name}`,
    summary,
    description,
    input: byId,
    output: BackendBody,
    rest: ["POST", `/api/admin/backends/:id/${name}`, 200],
    of: ofBackend,
    may,
    refusals: ["BackendNotFound", "KeyVaultUnavailable", "KeyNeeded"],
    example: { ...example, output: { ...examples.backend, enabled: name === "enable" } },
    isVersioned: true,
    isInMemory: true,
    known,
    give: ({ id }, { envelope }) =>
      Effect.flatMap(
        Backends.use((backends) => backends.change(id, { is_enabled: name === "enable" }, envelope)),
        present,
      ),
    tell: told,
  })

const enableBackend = switching("enable", "Enables a backend", "Requests may go to it again.")
const disableBackend = switching("disable", "Disables a backend", "No request goes to it any more.")

/** The part of a backend that changes with the time alone: while it cools, and until when. */
const standingIn = ({ cooldown_until, status }: BackendBody) =>
  cooldown_until === null
    ? status
    : `${status}-${DateTime.toEpochMillis(DateTime.makeUnsafe(cooldown_until))}`

const listBackends = question({
  name: "backend.list",
  summary: "Lists the backends",
  description: "In the order of their registration, with masked keys.",
  input: {},
  output: Schema.Array(BackendBody),
  rest: ["GET", "/api/admin/backends", 200],
  may,
  refusals: [],
  example: { input: {}, output: [examples.backend] },
  from: "memory",
  ask: Effect.fnUntraced(function* () {
    const fleet = yield* Fleet
    const at = yield* now
    const all = [...fleet.backends().values()].toSorted((one, other) =>
      one.created_at + one.id < other.created_at + other.id ? -1 : 1,
    )
    const seq = all.reduce((newest, { id }) => Math.max(newest, fleet.versionOf(id)), 0)
    return { seq, body: all.map((backend) => shownBackend(backend, at)) }
  }),
})

const getBackend = question({
  name: "backend.get",
  summary: "Shows a backend",
  description: "With its key masked. The `ETag` is its version, for `If-Match`.",
  input: byId,
  output: BackendBody,
  rest: ["GET", "/api/admin/backends/:id", 200],
  may,
  refusals: ["BackendNotFound"],
  example,
  from: "memory",
  isVersioned: true,
  ask: Effect.fnUntraced(function* ({ id }) {
    const fleet = yield* Fleet
    const backend = fleet.backends().get(id)
    if (backend === undefined) return yield* new BackendNotFound()
    const version = fleet.versionOf(id)
    const body = shownBackend(backend, yield* now)
    return {
      seq: version,
      body,
      version,
      ...(backend.cooldowns.length === 0 ? {} : { more: standingIn(body) }),
    }
  }),
})

export const backends = [
  listBackends,
  registerBackend,
  getBackend,
  changeBackend,
  removeBackend,
  rotateBackendKey,
  enableBackend,
  disableBackend,
]
