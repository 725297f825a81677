import type { Fleet } from "../../../projections/Fleet.ts"
import type { RouterStatus } from "../../../gateway/routing/RouterStatus.ts"
import type { Metrics } from "../../telemetry/Metrics.ts"
import { standingOf } from "../../../operations/backendStatus.ts"
import { poolsOf } from "../../../operations/poolsOf.ts"

interface Sources {
  readonly fleet: Fleet["Service"]
  readonly metrics: Metrics["Service"]
  readonly router: RouterStatus["Service"]
}

/** The gateway at an instant as the dashboard shows it; what is in flight, left and done is this node's. */
export const snapshotOf = ({ fleet, metrics, router }: Sources, at: string) => {
  const { backends: standings, inFlight, queueDepth } = router.snapshot()
  const backends = [...fleet.backends().values()]
  return {
    at,
    emergency: fleet.isEmergency(),
    in_flight: inFlight,
    queue_depth: queueDepth,
    last_minute: metrics.lastMinute(),
    pools: poolsOf({ backends, standings, now: at }),
    backends: backends.map((backend) => {
      const { status, until } = standingOf(backend, at)
      const standing = standings.get(backend.id)
      return {
        id: backend.id,
        name: backend.name,
        label: backend.label,
        pool: backend.pool,
        status,
        health: backend.health,
        cooldown_until: until,
        rpm_limit: backend.rpm_limit,
        rpm_left: Math.floor(standing?.rpmLeft ?? 0),
        in_flight: standing?.inFlight ?? 0,
        probe_ms: standing?.probeMillis ?? null,
        failures_in_a_row: standing?.failuresInARow ?? 0,
        success_rate: standing?.successRate ?? null,
        models: Object.keys(backend.model_mappings),
      }
    }),
  }
}
