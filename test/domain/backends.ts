import { knowing } from "../../src/domain/Aggregate.ts"
import { backoffOf, gatewayDefaults } from "../../src/domain/Gateway.ts"
import { BackendCommand, BackendEvent } from "../../src/domain/Backend.ts"
import { placed, scenarioKnowing } from "./given.ts"
import { Backend } from "../../src/domain/Backend.ts"

/** The backoff as it is by default. */
export const backoff = backoffOf(gatewayDefaults)
export const given = scenarioKnowing(Backend, backoff)
/** Backends where nobody has set another one. */
export const UsualBackend = knowing(Backend, backoff)
const { ObserveRateLimit, ObserveSuccess } = BackendCommand.cases
const { BackendRegistered, CooldownStarted, RateLimitObserved } = BackendEvent.cases

export const registration = {
  id: "bkd_0123456789ab",
  source: "webui",
  key_version: "a1",
  key_mask: "sk-abc****wxyz",
  name: "OpenAI",
  label: "",
  api_base_url: "https://api.openai.com/v1",
  api: "openai-completions",
  timeout_seconds: 120,
  rpm_limit: 40,
  pool: "primary",
  cooldown_scope: "backend",
  model_mappings: {},
  metadata: {},
  is_enabled: true,
} as const
export const registered = BackendRegistered.make(registration)
/** Limits are per model at this one. */
export const perModel = BackendRegistered.make({ ...registration, cooldown_scope: "model" })

const start = Date.parse(placed.at)
/** So many seconds after everything began. */
export const at = (seconds: number) => new Date(start + seconds * 1_000).toISOString()

/** A 429, answered at once unless it says otherwise. */
export const limited = (
  sent: number,
  { answered = sent, ...over }: Partial<typeof ObserveRateLimit.Type> & { readonly answered?: number } = {},
) =>
  ObserveRateLimit.make({
    model: null,
    reason: "rate_limit",
    retry_after_ms: null,
    sent_at: at(sent),
    now: at(answered),
    ...over,
  })
export const succeeded = (sent: number, model: string | null = null) =>
  ObserveSuccess.make({ model, sent_at: at(sent) })

export const observed = (strikes: number, over: Partial<typeof RateLimitObserved.Type> = {}) =>
  RateLimitObserved.make({ model: null, reason: "rate_limit", strikes, retry_after_ms: null, ...over })
export const cooling = (since: number, until: number, over: Partial<typeof CooldownStarted.Type> = {}) =>
  CooldownStarted.make({ model: null, reason: "rate_limit", since: at(since), until: at(until), ...over })
