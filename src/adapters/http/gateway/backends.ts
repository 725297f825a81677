import { DateTime, Effect, Redacted } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { type BackendChanges, Backends, type NewBackend } from "../../../commands/Backends.ts"
import { Dispatcher, type Outcome } from "../../../commands/dispatch.ts"
import type { Envelope } from "../../../commands/Envelope.ts"
import { Settings } from "../../../config.ts"
import { Backend, type BackendEvent, BackendNotFound, type BackendState } from "../../../domain/Backend.ts"
import { Fleet } from "../../../projections/Fleet.ts"
import { InvalidInput } from "../../EdgeRefusal.ts"
import { refusalOfUpstream } from "../../llm/proxy/upstreamAddress.ts"
import type { Failure } from "../../refusals.ts"
import { Answers } from "../Answers.ts"
import type { Exchange } from "../Exchange.ts"
import { unversioned, versioned } from "../versioned.ts"
import type { BackendChangesBody, NewBackendBody, NewMappings } from "./bodies.ts"
import { GatewayApi } from "./GatewayApi.ts"
import { shownBackend } from "./shownBackend.ts"

type Current = Exchange["Service"]
type Done = Outcome<BackendState, BackendEvent>

/** Mappings as backends have them: what was not said is as the backend's model is named by callers. */
const mappingsOf = (mappings: NewMappings): NonNullable<NewBackend["model_mappings"]> =>
  Object.fromEntries(
    Object.entries(mappings).map(([name, { native_id = name, ...mapping }]) => [
      name,
      { native_id, ...mapping },
    ]),
  )

interface Written {
  readonly enabled?: boolean
  readonly model_mappings?: NewMappings
}
/** Fields by the names that backends have inside. */
const inside = ({ enabled, model_mappings }: Written) => ({
  ...(enabled === undefined ? {} : { is_enabled: enabled }),
  ...(model_mappings === undefined ? {} : { model_mappings: mappingsOf(model_mappings) }),
})

const newBackendOf = ({ api_key, enabled, model_mappings, ...others }: NewBackendBody): NewBackend => ({
  ...others,
  ...inside({ enabled, model_mappings } as Written),
  key: Redacted.make(api_key),
})

/** `shown` is the mask of the key that is there: sent back it changes nothing. */
const changesOf = (
  { api_key, enabled, model_mappings, ...others }: BackendChangesBody,
  shown: string | undefined,
): BackendChanges => ({
  ...others,
  ...inside({ enabled, model_mappings } as Written),
  ...(api_key === undefined || api_key === shown ? {} : { key: Redacted.make(api_key) }),
})

/** The backends of both pools, for operators. */
export const BackendsHandlers = HttpApiBuilder.group(
  GatewayApi,
  "backends",
  Effect.fnUntraced(function* (handlers) {
    const answers = yield* Answers
    const backends = yield* Backends
    const dispatcher = yield* Dispatcher
    const fleet = yield* Fleet
    const { privateUpstreams } = yield* Settings

    const now = Effect.map(DateTime.now, DateTime.formatIso)

    const checkUrl = (url: string | undefined) => {
      const message = url === undefined ? undefined : refusalOfUpstream(url, privateUpstreams)
      return message === undefined
        ? Effect.void
        : Effect.fail(new InvalidInput({ errors: [{ field: "api_base_url", message }] }))
    }

    /** A repeat shows the backend as it was right after the first time. */
    const done = Effect.fnUntraced(function* (exchange: Current, outcome: Done, status: 200 | 201) {
      const { at, seq, state } = outcome
      if (state._tag !== "Known") return yield* new BackendNotFound()
      return yield* answers.done(exchange, outcome, {
        status,
        version: seq,
        body: shownBackend(state, at ?? (yield* now)),
        shown: fleet.caughtUp(state.id, seq),
      })
    })

    const command = <E extends Failure>(id: string, give: (envelope: Envelope) => Effect.Effect<Done, E>) =>
      answers.to(
        Effect.fnUntraced(function* (exchange) {
          const envelope = yield* versioned(dispatcher, exchange, Backend, id)
          return yield* done(exchange, yield* give(envelope), 200)
        }),
      )

    return handlers.handleAll({
      list: () =>
        answers.to((exchange) =>
          Effect.map(now, (now) => {
            const all = [...fleet.backends().values()].toSorted((one, other) =>
              one.created_at + one.id < other.created_at + other.id ? -1 : 1,
            )
            const seq = all.reduce((newest, { id }) => Math.max(newest, fleet.versionOf(id)), 0)
            return answers.seen(
              exchange,
              { seq },
              all.map((backend) => shownBackend(backend, now)),
            )
          }),
        ),
      one: ({ params: { id } }) =>
        answers.to(
          Effect.fnUntraced(function* (exchange) {
            const backend = fleet.backends().get(id)
            if (backend === undefined) return yield* new BackendNotFound()
            const version = fleet.versionOf(id)
            return answers.seen(exchange, { seq: version }, shownBackend(backend, yield* now), { version })
          }),
        ),
      register: ({ payload }) =>
        answers.to(
          Effect.fnUntraced(function* (exchange) {
            yield* checkUrl(payload.api_base_url)
            const outcome = yield* backends.register(newBackendOf(payload), unversioned(exchange))
            return yield* done(exchange, outcome, 201)
          }),
        ),
      change: ({ params: { id }, payload }) =>
        command(
          id,
          Effect.fnUntraced(function* (envelope) {
            yield* checkUrl(payload.api_base_url)
            const { state } = yield* dispatcher.load(Backend, id)
            const shown = state._tag === "Known" ? state.key_mask : undefined
            return yield* backends.change(id, changesOf(payload, shown), envelope)
          }),
        ),
      remove: ({ params: { id } }) =>
        answers.to(
          Effect.fnUntraced(function* (exchange) {
            const envelope = yield* versioned(dispatcher, exchange, Backend, id)
            const outcome = yield* backends.remove(id, envelope)
            return yield* answers.done(exchange, outcome, { shown: fleet.caughtUp(id, outcome.seq) })
          }),
        ),
      rotateKey: ({ params: { id }, payload }) =>
        command(id, (envelope) => backends.rotateKey(id, Redacted.make(payload.api_key), envelope)),
      enable: ({ params: { id } }) =>
        command(id, (envelope) => backends.change(id, { is_enabled: true }, envelope)),
      disable: ({ params: { id } }) =>
        command(id, (envelope) => backends.change(id, { is_enabled: false }, envelope)),
    })
  }),
)
