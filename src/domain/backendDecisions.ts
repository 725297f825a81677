import { Result } from "effect"
import {
  type BackendCommand,
  type BackendEvent,
  type Backoff,
  KeyNeeded,
  type KnownBackend,
} from "./BackendPast.ts"
import { type Cooldown, coolDown } from "./cooldowns.ts"
import { differing } from "./differing.ts"

type Command<Tag> = Extract<BackendCommand, { readonly _tag: Tag }>

/** The decision on a backend that is there: observations of its provider are never refused. */
type Decision = Result.Result<ReadonlyArray<BackendEvent>>
const nothing: Decision = Result.succeed([])
const record = (...events: ReadonlyArray<BackendEvent>): Decision => Result.succeed(events)

/** The events that lift a limit: its cooldown ends, if it `isOver`, and the next strike is a first again. */
const lifted = ({ model, strikes, until }: Cooldown, isOver: boolean): ReadonlyArray<BackendEvent> => [
  ...(isOver && until !== null ? [{ _tag: "CooldownEnded", v: 1, model } as const] : []),
  ...(strikes > 0 ? [{ _tag: "RateLimitCleared", v: 1, model } as const] : []),
]

/** The limits that an operator mends, lifted: here is one. Rate limits are the provider's, and end by themselves. */
const mended = (
  { cooldowns }: KnownBackend,
  reasons: ReadonlyArray<Cooldown["reason"]>,
): ReadonlyArray<BackendEvent> =>
  cooldowns.filter(({ reason }) => reasons.includes(reason)).flatMap((one) => lifted(one, true))

/** Scheme, host and port. */
const originOf = (url: string) => (URL.canParse(url) ? new URL(url).origin : url)

export const change = (
  command: Command<"ChangeBackend">,
  backend: KnownBackend,
): Result.Result<ReadonlyArray<BackendEvent>, KeyNeeded> => {
  const { _tag, is_enabled = backend.is_enabled, key, ...wanted } = command
  const changes = differing(wanted, backend)
  const isRotated = key !== undefined && key.key_version !== backend.key_version
  const from = originOf(backend.api_base_url)
  const to = changes?.api_base_url === undefined ? from : originOf(changes.api_base_url)
  if (to !== from && !isRotated) return Result.fail(new KeyNeeded({ from, to }))
  // What another place said of the key says nothing of this one.
  const isElsewhere = changes?.api_base_url !== undefined || changes?.api !== undefined
  const isNowEnabled = is_enabled && !backend.is_enabled
  return record(
    ...(changes === undefined ? [] : [{ _tag: "BackendChanged", v: 1, changes } as const]),
    ...(is_enabled === backend.is_enabled
      ? []
      : [{ _tag: is_enabled ? "BackendEnabled" : "BackendDisabled", v: 1 } as const]),
    ...(isRotated ? [{ _tag: "KeyRotated", v: 1, ...key } as const] : []),
    ...(isElsewhere && !isNowEnabled && !isRotated && backend.fault !== null
      ? [{ _tag: "BackendRecovered", v: 1 } as const]
      : []),
    ...(isElsewhere || isNowEnabled || isRotated
      ? mended(backend, ["quota", "model"])
      : mended(backend, changes?.model_mappings === undefined ? [] : ["model"])),
  )
}

export const observeRateLimit = (
  command: Command<"ObserveRateLimit">,
  backend: KnownBackend,
  { base_ms, cap_ms, quota_cap_ms }: Backoff,
): Decision => {
  const limits = { base_ms, cap_ms: command.reason === "quota" ? quota_cap_ms : cap_ms }
  const isOfModel = command.is_of_model === true || backend.cooldown_scope === "model"
  const model = isOfModel ? command.model : null
  const next = coolDown({ ...command, ...limits, model }, backend.cooldowns)
  if (next === undefined) return nothing
  const { isStrike, reason, since, strikes, until } = next
  const { retry_after_ms } = command
  return record(
    ...(isStrike
      ? [{ _tag: "RateLimitObserved", v: 1, model, reason, strikes, retry_after_ms } as const]
      : []),
    { _tag: "CooldownStarted", v: 1, model, reason, since, until },
  )
}

/**
 * A success speaks for its model and for the backend as a whole; where limits are per backend, for every model that
 * the account has.
 * A provider's wait it does not cut short; a quota that gives anything is there again.
 */
export const observeSuccess = (
  { model, sent_at }: Command<"ObserveSuccess">,
  backend: KnownBackend,
): Decision => {
  const isMeant = (one: Cooldown) =>
    one.model === null ||
    one.model === model ||
    (backend.cooldown_scope === "backend" && one.reason !== "model")
  return record(
    ...backend.cooldowns
      .filter((one) => isMeant(one) && sent_at > one.since)
      .flatMap((one) =>
        lifted(one, one.reason !== "rate_limit" || (one.until !== null && sent_at >= one.until)),
      ),
    ...(backend.fault === null || sent_at <= backend.fault.since
      ? []
      : [{ _tag: "BackendRecovered", v: 1 } as const]),
  )
}
