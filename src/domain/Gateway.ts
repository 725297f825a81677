import { Result, Schema } from "effect"
import type { Aggregate } from "./Aggregate.ts"
import type { Backoff } from "./Backend.ts"
import { Amount, Limit, upTo } from "./Amount.ts"
import { Line } from "./Text.ts"

const count = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))
const seconds = Schema.Finite.check(Schema.isBetween({ minimum: 0.01, maximum: 86_400 }))

/**
 * The options of the gateway that operators can set, and the values that they take (provider-gateway.md,
 * Settings). Null is no limit.
 */
export const GatewayOptions = Schema.Struct({
  /** The rate of backends that are registered without one; the emergency lane is a fraction of it. */
  rpm_limit: count(1, 1_000_000),
  queue_depth: count(0, 100_000),
  queue_seconds: seconds,
  cooldown_base_seconds: seconds,
  cooldown_max_seconds: seconds,
  /** The rest of a backend whose quota is used up. */
  cooldown_quota_seconds: seconds,
  emergency_fraction: upTo(1),
  emergency_retries: count(1, 10),
  pool_retries: count(1, 20),
  health_interval_seconds: seconds,
  health_timeout_seconds: seconds,
  /** A second slash (or what URLs take for one) would name another host. */
  health_path: Line(200).check(
    Schema.isPattern(/^\/([\x21-.0-[\]-~][\x21-~]*)?$/, { message: "must be a path" }),
  ),
  connect_timeout_seconds: seconds,
  first_byte_timeout_seconds: seconds,
  idle_timeout_seconds: seconds,
  request_timeout_seconds: seconds,
  /** All of a stream that puts out. */
  stream_timeout_seconds: seconds,
  sse_interval_seconds: seconds,
  /** The limits of every member that has no allowance of its own. */
  member_requests_per_minute: Limit,
  member_tokens_per_day: Limit,
  member_usd_per_day: Limit,
})
export type GatewayOptions = typeof GatewayOptions.Type

export const gatewayDefaults: GatewayOptions = {
  rpm_limit: 40,
  queue_depth: 500,
  queue_seconds: 30,
  cooldown_base_seconds: 30,
  cooldown_max_seconds: 600,
  cooldown_quota_seconds: 3_600,
  emergency_fraction: 0.1,
  emergency_retries: 3,
  pool_retries: 5,
  health_interval_seconds: 60,
  health_timeout_seconds: 10,
  health_path: "/v1/models",
  connect_timeout_seconds: 10,
  // Reasoning models are silent for minutes, and the official clients wait for ten.
  first_byte_timeout_seconds: 600,
  idle_timeout_seconds: 600,
  request_timeout_seconds: 600,
  stream_timeout_seconds: 3_600,
  sse_interval_seconds: 1,
  member_requests_per_minute: null,
  member_tokens_per_day: null,
  member_usd_per_day: null,
}

/** The backoff that answers a provider's limits. */
export const backoffOf = (options: GatewayOptions): Backoff => ({
  base_ms: Math.round(options.cooldown_base_seconds * 1_000),
  cap_ms: Math.round(options.cooldown_max_seconds * 1_000),
  quota_cap_ms: Math.round(options.cooldown_quota_seconds * 1_000),
})

export const GatewayOption = Schema.Literals(
  Object.keys(gatewayDefaults) as ReadonlyArray<string> as ReadonlyArray<keyof GatewayOptions>,
)
const Value = Schema.NullOr(Schema.Union([Amount, Line(200)]))

// Tags and fields are the storage format: add fields with a default, never rename or remove.
export const GatewayEvent = Schema.TaggedUnion({
  /** The key is text, so that one that is no more does not make the log unreadable. */
  OptionSet: { v: Schema.tag(1), key: Line(100), value: Value },
  OptionRemoved: { v: Schema.tag(1), key: Line(100) },
  /** No backend was left for this model, and the emergency lane has begun to serve. */
  EmergencyOpened: { v: Schema.tag(1), model: Line(200) },
  EmergencyClosed: { v: Schema.tag(1) },
})
export type GatewayEvent = typeof GatewayEvent.Type

export const GatewayCommand = Schema.TaggedUnion({
  SetOption: { key: GatewayOption, value: Value },
  RemoveOption: { key: GatewayOption },
  OpenEmergency: { model: Line(200) },
  CloseEmergency: {},
})
export type GatewayCommand = typeof GatewayCommand.Type

export class OptionNotFound extends Schema.TaggedError<OptionNotFound>()("OptionNotFound", {
  key: Schema.String,
}) {}
export class OptionUnfit extends Schema.TaggedError<OptionUnfit>()("OptionUnfit", {
  key: Schema.String,
  reason: Schema.String,
}) {}
export type GatewayRefusal = OptionNotFound | OptionUnfit

// The storage format of snapshots, and the read model's row.
export const GatewayState = Schema.TaggedUnion({
  Running: { options: Schema.Record(Schema.String, Value), is_emergency: Schema.Boolean },
})
export type GatewayState = typeof GatewayState.Type

/** The one aggregate of its type. */
export const gatewayId = "gateway"

type Decision = Result.Result<ReadonlyArray<GatewayEvent>, GatewayRefusal>
const nothing: Decision = Result.succeed([])
const record = (event: GatewayEvent): Decision => Result.succeed([event])

/** The reason why an option can't have this value, or undefined. */
const misfit = (key: keyof GatewayOptions, value: typeof Value.Type): string | undefined => {
  const decoded = Schema.decodeUnknownResult(GatewayOptions.fields[key] as Schema.Codec<unknown>)(value)
  return Result.isFailure(decoded) ? decoded.failure.message : undefined
}

const set = (
  { key, value }: Extract<GatewayCommand, { readonly _tag: "SetOption" }>,
  { options }: GatewayState,
): Decision => {
  const reason = misfit(key, value)
  if (reason !== undefined) return Result.fail(new OptionUnfit({ key, reason }))
  const isSame = key in options && options[key] === value
  return isSame ? nothing : record({ _tag: "OptionSet", v: 1, key, value })
}

/** The gateway as a whole: the options that operators have set, and whether the emergency lane serves. */
export const Gateway: Aggregate<GatewayState, GatewayCommand, GatewayEvent, GatewayRefusal> = {
  type: "gateway",
  events: GatewayEvent,
  state: GatewayState,
  initial: { _tag: "Running", options: {}, is_emergency: false },

  evolve: (state, event): GatewayState => {
    switch (event._tag) {
      case "OptionSet":
        return { ...state, options: { ...state.options, [event.key]: event.value } }
      case "OptionRemoved": {
        const { [event.key]: _removed, ...options } = state.options
        return { ...state, options }
      }
      case "EmergencyOpened":
        return { ...state, is_emergency: true }
      case "EmergencyClosed":
        return { ...state, is_emergency: false }
    }
  },

  decide: (command, state) =>
    GatewayCommand.match(command, {
      SetOption: (command) => set(command, state),
      RemoveOption: ({ key }) =>
        key in state.options
          ? record({ _tag: "OptionRemoved", v: 1, key })
          : Result.fail(new OptionNotFound({ key })),
      OpenEmergency: ({ model }) =>
        state.is_emergency ? nothing : record({ _tag: "EmergencyOpened", v: 1, model }),
      CloseEmergency: () => (state.is_emergency ? record({ _tag: "EmergencyClosed", v: 1 }) : nothing),
    }),
}
