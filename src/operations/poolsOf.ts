import { type KnownBackend, Pool } from "../domain/Backend.ts"
import type { BackendStanding } from "../gateway/routing/RouterStatus.ts"
import { standingOf } from "./backendStatus.ts"
import type { PoolBody } from "./gatewayBodies.ts"

interface Seen {
  readonly backends: Iterable<KnownBackend>
  /** By the backend's id. */
  readonly standings: ReadonlyMap<string, Pick<BackendStanding, "rpmLeft">>
  readonly now: string
}

const sum = (numbers: ReadonlyArray<number>) => numbers.reduce((all, one) => all + one, 0)

/** Both pools, whoever is in them: what they can serve, and how their backends stand. */
export const poolsOf = ({ backends, now, standings }: Seen): ReadonlyArray<PoolBody> => {
  const all = [...backends]
  return Pool.literals.map((pool) => {
    const members = all.filter((backend) => backend.pool === pool)
    const statuses = members.map((backend) => standingOf(backend, now).status)
    const count = (wanted: string) => statuses.filter((status) => status === wanted).length
    const fit = members.filter((_, at) => statuses[at] !== "disabled")
    return {
      pool,
      backends: members.map(({ id }) => id),
      models: [...new Set(fit.flatMap(({ model_mappings }) => Object.keys(model_mappings)))].toSorted(),
      total: members.length,
      healthy: count("healthy"),
      cooling: count("cooling"),
      error: count("error"),
      disabled: count("disabled"),
      rpm_limit: sum(fit.map(({ rpm_limit }) => rpm_limit)),
      rpm_left: sum(fit.map(({ id }) => Math.floor(standings.get(id)?.rpmLeft ?? 0))),
    }
  })
}
