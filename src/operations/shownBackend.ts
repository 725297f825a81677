import type { KnownBackend } from "../domain/Backend.ts"
import { standingOf } from "./backendStatus.ts"
import type { BackendBody } from "./gatewayBodies.ts"

/** A backend as operators see it; of its key only the mask. */
export const shownBackend = (backend: KnownBackend, now: string): BackendBody => {
  const { status, until } = standingOf(backend, now)
  return {
    id: backend.id,
    name: backend.name,
    label: backend.label,
    api_base_url: backend.api_base_url,
    api_key: backend.key_mask,
    api: backend.api,
    timeout_seconds: backend.timeout_seconds,
    rpm_limit: backend.rpm_limit,
    pool: backend.pool,
    enabled: backend.is_enabled,
    status,
    health: backend.health,
    fault: backend.fault,
    cooldown_scope: backend.cooldown_scope,
    cooldown_until: until,
    consecutive_429_count: backend.cooldowns.reduce((most, { strikes }) => Math.max(most, strikes), 0),
    cooldowns: backend.cooldowns,
    model_mappings: backend.model_mappings,
    source: backend.source,
    metadata: backend.metadata,
    created_at: backend.created_at,
    updated_at: backend.updated_at,
  }
}
