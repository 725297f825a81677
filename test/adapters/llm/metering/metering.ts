import { Effect, Layer } from "effect"
import { Meter } from "../../../../src/adapters/llm/metering/Meter.ts"
import { Spending } from "../../../../src/gateway/metering/Spending.ts"
import { GenAiSpans } from "../../../../src/adapters/telemetry/GenAiSpans.ts"
import { Metrics } from "../../../../src/adapters/telemetry/Metrics.ts"
import type { KnownBackend } from "../../../../src/domain/Backend.ts"
import { type GatewayOptions, gatewayDefaults } from "../../../../src/domain/Gateway.ts"
import type { UsageRecord } from "../../../../src/domain/Usage.ts"
import { Fleet, type SetAllowance } from "../../../../src/projections/Fleet.ts"
import { UsageLog } from "../../../../src/projections/UsageLog.ts"
import { Stream } from "effect"
import type { usageLogOn } from "../../../support/usage.ts"
import { settingsWith } from "../../http/door.ts"

export interface Fleeting {
  options?: Partial<GatewayOptions>
  readonly allowances?: ReadonlyMap<string, SetAllowance>
  readonly backends?: ReadonlyMap<string, KnownBackend>
}

/** A fleet that the test plays. */
export const fleetOf = (played: Fleeting = {}) =>
  Layer.succeed(Fleet, {
    backends: () => played.backends ?? new Map(),
    versionOf: () => 0,
    options: () => ({ ...gatewayDefaults, ...played.options }),
    stored: () => ({}),
    isEmergency: () => false,
    allowanceOf: (member) => played.allowances?.get(member),
    onChange: () => () => {},
    caughtUp: () => Effect.void,
  })

/** The parts that a node meters with, on this log of usage. */
export const metering = (
  Log: ReturnType<typeof usageLogOn>,
  { env = {}, fleet = {} }: { readonly env?: Record<string, string>; readonly fleet?: Fleeting } = {},
) =>
  Meter.layer.pipe(
    Layer.provideMerge([Spending.layer, Metrics.layer, GenAiSpans.layer]),
    Layer.provideMerge([Log, fleetOf(fleet), settingsWith(env)]),
    Layer.fresh,
  )

/** The first records on the log, in its order. */
export const firstRecords = (count: number) =>
  Effect.gen(function* () {
    const log = yield* UsageLog
    const records: Array<UsageRecord> = []
    yield* log.follow(0).pipe(
      Stream.takeUntil((batch) => {
        records.push(...batch.records)
        return records.length >= count
      }),
      Stream.runDrain,
    )
    return records
  })
