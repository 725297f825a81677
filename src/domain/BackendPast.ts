import { Schema } from "effect"
import type { Evolving } from "./Aggregate.ts"
import { Cooldowns, LimitReason, LimitScope } from "./cooldowns.ts"
import { Instant } from "./Ids.ts"
import { ModelMapping, ModelName } from "./ModelMapping.ts"
import { Line, Title } from "./Text.ts"

/** The id of a backend, which is a provider's key at one URL. */
export const BackendId = Schema.String.check(
  Schema.isPattern(/^bkd_[0-9a-f]{12}$/, { message: "must be bkd_ and 12 hexadecimal digits" }),
)
/** The wire that a backend speaks; `openai-responses` speaks all of OpenAI's routes. */
export const BackendApi = Schema.Literals(["openai-completions", "openai-responses", "anthropic-messages"])
export const Pool = Schema.Literals(["primary", "fallback"])
const BackendSource = Schema.Literals(["webui", "env", "import"])
const CooldownScope = Schema.Literals(["backend", "model"])
export const Health = Schema.Literals(["healthy", "degraded", "down"])
/** The provider's reason not to take a backend's key. */
export const KeyFault = Schema.Literals(["unauthorized", "forbidden"])
/** Names a sealed key in the key vault. */
const KeyVersion = Schema.String.check(Schema.isPattern(/^[0-9a-f-]{1,64}$/))
/** First 6 and last 4 characters, for people to recognise it by; all stars where that would give it away. */
const KeyMask = Line(50)
const Millis = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 86_400_000 * 366 }))

/** The URL of a provider, without a user or password, since it is shown as it is. The adapters decide on addresses. */
const BaseUrl = Line(2_000).check(
  Schema.isPattern(/^https?:\/\/[^\s/?#@\\]+([/?#]\S*)?$/, { message: "must be an http or https URL" }),
)

const configuration = {
  name: Title(200),
  label: Line(200),
  api_base_url: BaseUrl,
  api: BackendApi,
  timeout_seconds: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 3_600 })),
  rpm_limit: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1_000_000 })),
  pool: Pool,
  cooldown_scope: CooldownScope,
  model_mappings: Schema.Record(ModelName, ModelMapping).check(Schema.isMaxProperties(200)),
  metadata: Schema.Record(Title(100), Line(1_000)).check(Schema.isMaxProperties(50)),
}
const changeable = {
  name: Schema.optionalKey(configuration.name),
  label: Schema.optionalKey(configuration.label),
  api_base_url: Schema.optionalKey(configuration.api_base_url),
  api: Schema.optionalKey(configuration.api),
  timeout_seconds: Schema.optionalKey(configuration.timeout_seconds),
  rpm_limit: Schema.optionalKey(configuration.rpm_limit),
  pool: Schema.optionalKey(configuration.pool),
  cooldown_scope: Schema.optionalKey(configuration.cooldown_scope),
  model_mappings: Schema.optionalKey(configuration.model_mappings),
  metadata: Schema.optionalKey(configuration.metadata),
}
const key = { key_version: KeyVersion, key_mask: KeyMask }
const registration = { id: BackendId, source: BackendSource, ...key, ...configuration }

// Tags and fields are the storage format: add fields with a default, never rename or remove.
export const BackendEvent = Schema.TaggedUnion({
  BackendRegistered: { v: Schema.tag(1), ...registration, is_enabled: Schema.Boolean },
  BackendChanged: { v: Schema.tag(1), changes: Schema.Struct(changeable) },
  BackendEnabled: { v: Schema.tag(1) },
  BackendDisabled: { v: Schema.tag(1) },
  KeyRotated: { v: Schema.tag(1), ...key },
  BackendRemoved: { v: Schema.tag(1) },
  /** `strikes` counts those in a row, this one included. */
  RateLimitObserved: {
    v: Schema.tag(1),
    model: LimitScope,
    reason: LimitReason,
    strikes: Schema.Int,
    retry_after_ms: Schema.NullOr(Millis),
  },
  CooldownStarted: {
    v: Schema.tag(1),
    model: LimitScope,
    reason: LimitReason,
    since: Instant,
    until: Instant,
  },
  CooldownEnded: { v: Schema.tag(1), model: LimitScope },
  /** A request succeeded that was sent after the cooldown began: the next strike is a first again. */
  RateLimitCleared: { v: Schema.tag(1), model: LimitScope },
  BackendFailed: { v: Schema.tag(1), fault: KeyFault, since: Instant },
  BackendRecovered: { v: Schema.tag(1) },
  HealthChanged: { v: Schema.tag(1), from: Health, to: Health, reason: Line(500) },
})
export type BackendEvent = typeof BackendEvent.Type

export const BackendCommand = Schema.TaggedUnion({
  RegisterBackend: { ...registration, is_enabled: Schema.Boolean },
  /** A `key` is for where the backend is after this change: another scheme, host or port needs one of its own. */
  ChangeBackend: {
    ...changeable,
    is_enabled: Schema.optionalKey(Schema.Boolean),
    key: Schema.optionalKey(Schema.Struct(key)),
  },
  RemoveBackend: {},
  /** A provider's 429 to a request sent at `sent_at`. */
  ObserveRateLimit: {
    model: LimitScope,
    reason: LimitReason,
    /** True where it is the model's alone, whatever limits are per at this backend. */
    is_of_model: Schema.optionalKey(Schema.Boolean),
    retry_after_ms: Schema.NullOr(Millis),
    sent_at: Instant,
    now: Instant,
  },
  EndCooldown: { model: LimitScope, now: Instant },
  /** A request or probe sent at `sent_at` was answered well. */
  ObserveSuccess: { model: LimitScope, sent_at: Instant },
  /** The provider refused the key `key_version`. */
  ObserveKeyFault: { fault: KeyFault, key_version: KeyVersion, now: Instant },
  ReportHealth: { health: Health, reason: Line(500) },
})
export type BackendCommand = typeof BackendCommand.Type

/** The backoff that operators have set, in milliseconds: its base, the cap of rate limits, and that of quotas. */
export const Backoff = Schema.Struct({ base_ms: Millis, cap_ms: Millis, quota_cap_ms: Millis })
export type Backoff = typeof Backoff.Type

export class BackendNotFound extends Schema.TaggedError<BackendNotFound>()("BackendNotFound", {}) {}
export class BackendExists extends Schema.TaggedError<BackendExists>()("BackendExists", { id: BackendId }) {}
/** The key that is there was given for another place, and would be told to this one. Both are origins. */
export class KeyNeeded extends Schema.TaggedError<KeyNeeded>()("KeyNeeded", {
  from: Schema.String,
  to: Schema.String,
}) {}
export type BackendRefusal = BackendNotFound | BackendExists | KeyNeeded

// The storage format of snapshots, and the read model's row.
export const BackendState = Schema.TaggedUnion({
  Absent: {},
  Known: {
    ...registration,
    is_enabled: Schema.Boolean,
    /** The fault of the key; null while the provider takes it. */
    fault: Schema.NullOr(Schema.Struct({ reason: KeyFault, since: Instant })),
    health: Health,
    cooldowns: Cooldowns,
    created_at: Instant,
    updated_at: Instant,
  },
  Removed: { id: BackendId },
})
export type BackendState = typeof BackendState.Type
export type KnownBackend = Extract<BackendState, { readonly _tag: "Known" }>

/** The past of a backend. */
export const BackendPast: Evolving<BackendState, BackendEvent> = {
  type: "backend",
  events: BackendEvent,
  state: BackendState,
  initial: { _tag: "Absent" },

  evolve: (state, event, { at }): BackendState => {
    if (event._tag === "BackendRegistered") {
      const { v: _v, ...registration } = event
      return {
        ...registration,
        _tag: "Known",
        fault: null,
        health: "healthy",
        cooldowns: [],
        created_at: at,
        updated_at: at,
      }
    }
    if (state._tag !== "Known") return state
    const backend = { ...state, updated_at: at }
    switch (event._tag) {
      case "BackendChanged":
        return { ...backend, ...event.changes }
      case "BackendEnabled":
        return { ...backend, is_enabled: true, fault: null }
      case "BackendDisabled":
        return { ...backend, is_enabled: false }
      case "KeyRotated":
        return { ...backend, key_version: event.key_version, key_mask: event.key_mask, fault: null }
      case "BackendRemoved":
        return { _tag: "Removed", id: state.id }
      case "RateLimitObserved": {
        const { model, reason, strikes } = event
        const known = backend.cooldowns.find((one) => one.model === model)
        const others = backend.cooldowns.filter((one) => one.model !== model)
        const { since = at, until = null } = known ?? {}
        return { ...backend, cooldowns: [...others, { model, reason, strikes, since, until }] }
      }
      case "CooldownStarted": {
        const { model, reason, since, until } = event
        const strikes = backend.cooldowns.find((one) => one.model === model)?.strikes ?? 0
        const others = backend.cooldowns.filter((one) => one.model !== model)
        return { ...backend, cooldowns: [...others, { model, reason, strikes, since, until }] }
      }
      case "CooldownEnded":
        return {
          ...backend,
          cooldowns: backend.cooldowns.flatMap((one) => {
            if (one.model !== event.model) return [one]
            return one.strikes === 0 ? [] : [{ ...one, until: null }]
          }),
        }
      case "RateLimitCleared":
        return {
          ...backend,
          cooldowns: backend.cooldowns.flatMap((one) => {
            if (one.model !== event.model) return [one]
            return one.until === null ? [] : [{ ...one, strikes: 0 }]
          }),
        }
      case "BackendFailed":
        return { ...backend, fault: { reason: event.fault, since: event.since } }
      case "BackendRecovered":
        return { ...backend, fault: null }
      case "HealthChanged":
        return { ...backend, health: event.to }
    }
  },
}
