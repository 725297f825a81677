import { DateTime, Effect, Layer } from "effect"
import { Fleet } from "../../../projections/Fleet.ts"
import { RouterStatus } from "../../../gateway/routing/RouterStatus.ts"
import { Metrics } from "../../telemetry/Metrics.ts"
import { poolsOf } from "../../../operations/poolsOf.ts"

const types = ["healthy", "cooling", "error", "disabled"] as const

/** Metrics that tell of the gateway as it is, beside what it did. */
export const Gauges = Layer.effectDiscard(
  Effect.gen(function* () {
    const fleet = yield* Fleet
    const { gauge } = yield* Metrics
    const router = yield* RouterStatus

    const pools = () =>
      poolsOf({
        backends: fleet.backends().values(),
        standings: new Map(),
        now: DateTime.formatIso(DateTime.nowUnsafe()),
      })
    const single = (name: string, help: string, read: () => number) =>
      gauge({ name, help }, () => [[[], read()]])

    gauge(
      { name: "sidecar_pool_providers", help: "Backends by how they stand.", labels: ["pool", "type"] },
      () => pools().flatMap((one) => types.map((type) => [[one.pool, type], one[type]] as const)),
    )
    single("sidecar_cooldown_active", "Backends that cool down.", () =>
      pools().reduce((all, { cooling }) => all + cooling, 0),
    )
    single("sidecar_emergency_open", "1 while no backend is left and the emergency lane serves.", () =>
      fleet.isEmergency() ? 1 : 0,
    )
    single("sidecar_queue_depth", "Requests that wait for a backend.", () => router.snapshot().queueDepth)
    single("sidecar_in_flight", "Requests that a backend is serving.", () => router.snapshot().inFlight)
    gauge({ name: "sidecar_rpm_left", help: "Requests that may be sent at once.", labels: ["backend"] }, () =>
      [...router.snapshot().backends].map(([id, { rpmLeft }]) => [[id], rpmLeft] as const),
    )
  }),
)
