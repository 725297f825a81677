import { Schema } from "effect"
import { allowanceLimits, type AllowanceState } from "../domain/Allowance.ts"
import { BackendId, BackendState, Pool } from "../domain/Backend.ts"
import { GatewayOption } from "../domain/Gateway.ts"
import { Instant, Slug } from "../domain/Ids.ts"
import { ModelMapping, ModelName } from "../domain/ModelMapping.ts"
import { filled } from "./filled.ts"
import { shownAs } from "./shown.ts"

// Every JSON body of the gateway's admin interface (provider-gateway.md; the names are law).

const optional = Schema.optionalKey
const named = (identifier: string) => ({ identifier })
const known = BackendState.cases.Known.fields

/** The key that a provider gave: goes into a header as it is. */
const ApiKey = Schema.String.check(
  Schema.isPattern(/^[\x21-\x7e]{1,4096}$/, {
    message: "must be 1 to 4096 printable ASCII characters without blanks",
  }),
)

export const BackendStatus = Schema.Literals(["healthy", "cooling", "error", "disabled"])
export type BackendStatus = typeof BackendStatus.Type

/** `api_key` is masked; `cooldown_until` is when a cooling backend may be asked again. */
export const BackendBody = Schema.Struct({
  id: BackendId,
  name: known.name,
  label: known.label,
  api_base_url: known.api_base_url,
  api_key: Schema.String,
  api: known.api,
  timeout_seconds: known.timeout_seconds,
  rpm_limit: known.rpm_limit,
  pool: known.pool,
  enabled: Schema.Boolean,
  status: BackendStatus,
  health: known.health,
  fault: known.fault,
  cooldown_scope: known.cooldown_scope,
  cooldown_until: Schema.NullOr(Instant),
  consecutive_429_count: Schema.Int,
  cooldowns: known.cooldowns,
  model_mappings: known.model_mappings,
  source: known.source,
  metadata: known.metadata,
  created_at: Instant,
  updated_at: Instant,
}).annotate(named("Backend"))
export type BackendBody = typeof BackendBody.Type

const mapping = ModelMapping.fields
const cost = mapping.cost.fields

/** A mapping as operators write it; without `native_id` the backend calls the model as callers do. */
const NewMapping = Schema.Struct({
  native_id: optional(ModelName),
  reasoning: filled(mapping.reasoning, false),
  reasoning_effort: filled(mapping.reasoning_effort, null),
  input_modalities: filled(mapping.input_modalities, ["text"]),
  cost: filled(
    Schema.Struct({
      input: filled(cost.input, 0),
      output: filled(cost.output, 0),
      cacheRead: filled(cost.cacheRead, 0),
      cacheWrite: filled(cost.cacheWrite, 0),
    }),
    { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 },
  ),
  context_window: filled(mapping.context_window, 128_000),
  max_tokens: filled(mapping.max_tokens, 65_536),
  compat: filled(mapping.compat, {}),
}).annotate(named("NewModelMapping"))
const NewMappings = Schema.Record(ModelName, NewMapping).check(Schema.isMaxProperties(200))
export type NewMappings = typeof NewMappings.Type

const changes = {
  label: optional(known.label),
  api: optional(known.api),
  timeout_seconds: optional(known.timeout_seconds),
  rpm_limit: optional(known.rpm_limit),
  pool: optional(known.pool),
  enabled: optional(Schema.Boolean),
  cooldown_scope: optional(known.cooldown_scope),
  model_mappings: optional(NewMappings),
  metadata: optional(known.metadata),
}

export const newBackend = {
  name: known.name,
  api_base_url: known.api_base_url,
  api_key: ApiKey,
  source: optional(known.source),
  ...changes,
}

export const backendChanges = {
  name: optional(known.name),
  api_base_url: optional(known.api_base_url),
  api_key: optional(ApiKey),
  ...changes,
}

export const newKey = { api_key: ApiKey }

const count = Schema.Int
/** `rpm_left`: requests that this node may send at once. */
export const PoolBody = Schema.Struct({
  pool: Pool,
  backends: Schema.Array(BackendId),
  models: Schema.Array(ModelName),
  total: count,
  healthy: count,
  cooling: count,
  error: count,
  disabled: count,
  rpm_limit: count,
  rpm_left: count,
}).annotate(named("Pool"))
export type PoolBody = typeof PoolBody.Type

const Value = Schema.NullOr(Schema.Union([Schema.Finite, Schema.String]))

/** The environment stands above what was stored, and that above the default; null is no limit. */
export const ConfigBody = Schema.Struct({
  key: GatewayOption,
  value: Value,
  source: Schema.Literals(["environment", "stored", "default"]),
  stored: optional(Value),
  default: Value,
}).annotate(named("Config"))
export type ConfigBody = typeof ConfigBody.Type

export const newConfig = { value: Value }

/** Null is no limit. */
export const AllowanceBody = Schema.Struct({ slug: Slug, ...allowanceLimits }).annotate(named("Allowance"))

export const newAllowance = {
  requests_per_minute: filled(allowanceLimits.requests_per_minute, null),
  tokens_per_day: filled(allowanceLimits.tokens_per_day, null),
  usd_per_day: filled(allowanceLimits.usd_per_day, null),
}

export const shownAllowance = shownAs<AllowanceState>(AllowanceBody)

export const GatewayHealthBody = Schema.Struct({
  status: Schema.String,
  version: Schema.String,
  uptime_seconds: Schema.Finite,
}).annotate(named("GatewayHealth"))
