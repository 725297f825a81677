import type { KnownBackend } from "../domain/Backend.ts"
import type { BackendStatus } from "./gatewayBodies.ts"

interface Standing {
  readonly status: BackendStatus
  /** The instant at which a cooling backend may be asked again. */
  readonly until: string | null
}

const isBefore = (one: string, other: string) => one < other

/** Until when a backend as a whole may not be asked: it cools itself, or each of its models does. */
const coolingUntil = ({ cooldowns, model_mappings }: KnownBackend, now: string): string | undefined => {
  const untilOf = (model: string | null) => {
    const until = cooldowns.find((one) => one.model === model)?.until ?? null
    return until !== null && isBefore(now, until) ? until : undefined
  }
  const whole = untilOf(null)
  const models = Object.keys(model_mappings).map(untilOf)
  const isCooling = models.length > 0 && models.every((until) => until !== undefined)
  const soonest = isCooling ? models.flatMap((until) => until ?? []).toSorted()[0] : undefined
  if (whole === undefined || soonest === undefined) return whole ?? soonest
  return isBefore(whole, soonest) ? soonest : whole
}

/** The standing of a backend at an instant: disabled by an operator, its key refused, cooling, or fit to be asked. */
export const standingOf = (backend: KnownBackend, now: string): Standing => {
  if (!backend.is_enabled) return { status: "disabled", until: null }
  if (backend.fault !== null) return { status: "error", until: null }
  const until = coolingUntil(backend, now)
  return until === undefined ? { status: "healthy", until: null } : { status: "cooling", until }
}
