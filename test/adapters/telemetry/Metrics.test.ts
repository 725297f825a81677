import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { LastMinute } from "../../../src/adapters/telemetry/LastMinute.ts"
import { Metrics } from "../../../src/adapters/telemetry/Metrics.ts"
import { Backends } from "../../../src/commands/Backends.ts"
import type { UsageRecord } from "../../../src/domain/Usage.ts"
import { Fleet } from "../../../src/projections/Fleet.ts"
import { eventually, usageOf } from "../../support/usage.ts"
import { ask, gateway, newBackend } from "../http/gateway/gatewayDoor.ts"
import { parse, sumOf } from "./prometheus.ts"

const used = (more: Partial<UsageRecord>) =>
  usageOf({
    model: "small",
    prompt_tokens: 10,
    completion_tokens: 5,
    total_tokens: 15,
    cost_usd: 0.25,
    latency_ms: 1_500,
    first_output_ms: 80,
    backend: null,
    lane: null,
    ...more,
  })

/** The backend has to rest for a minute from now on. */
const limited = (backend: string) => {
  const at = Date.now()
  return {
    kind: "rate_limited",
    backend,
    model: null,
    reason: "rate_limit",
    retryAfterMillis: 60_000,
    sentAt: at - 1,
    at,
  } as const
}

const shown = Effect.map(ask("GET", "/metrics"), ({ body }) => body as string)

describe("metrics of the gateway", () => {
  it.live("metrics of the gateway add up what requests came to", () =>
    Effect.gen(function* () {
      const { id } = yield* newBackend({ model_mappings: { small: {} } })
      const other = "bkd_000000000001"
      const metrics = yield* Metrics
      const failures = [{ backend: other, lane: "primary", error: "timeout" }] as const
      metrics.request(used({ backend: id, lane: "fallback", failures }))
      metrics.request(used({ backend: id, lane: "emergency", outcome: "error", error: "upstream_error" }))
      metrics.request(used({ backend: id, lane: "primary", outcome: "aborted", error: "aborted" }))
      const refused = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0, cost_usd: 0 }
      metrics.request(used({ ...refused, outcome: "refused", error: "AllPoolsExhausted {x}" }))
      const text = yield* shown
      const sum = (name: string, labels?: Record<string, string>) => sumOf(text, `sidecar_${name}`, labels)
      assert.strictEqual(sum("requests_total"), 4)
      assert.strictEqual(
        sum("requests_total", { pool: "fallback", backend: id, model: "small", outcome: "ok" }),
        1,
      )
      assert.strictEqual(sum("errors_total"), 2)
      assert.strictEqual(sum("errors_total", { error: "upstream_error", pool: "emergency" }), 1)
      assert.strictEqual(sum("errors_total", { error: "other", backend: "none" }), 1)
      assert.strictEqual(sum("attempts_failed_total", { backend: other, error: "timeout" }), 1)
      assert.strictEqual(sum("tokens_total", { type: "prompt" }), 30)
      assert.strictEqual(sum("tokens_total"), 45)
      assert.strictEqual(sum("cost_total", { backend: id }), 0.75)
      assert.strictEqual(sum("emergency_count"), 1)
      assert.strictEqual(sum("request_duration_seconds_count"), 4)
      assert.strictEqual(sum("request_duration_seconds_bucket", { le: "2.5", outcome: "ok" }), 1)
      assert.strictEqual(sum("request_duration_seconds_bucket", { le: "1" }), 0)
      assert.strictEqual(sum("first_output_seconds_bucket", { le: "0.1" }), 4)
      assert.deepStrictEqual(metrics.lastMinute(), { requests: 4, errors: 2, tokens: 45, cost_usd: 0.75 })
    }).pipe(Effect.provide(gateway())),
  )

  it.live("metrics of the gateway have no label that a caller could choose", () =>
    Effect.gen(function* () {
      const { id } = yield* newBackend({ model_mappings: { small: {}, 'odd "name"': {} } })
      const metrics = yield* Metrics
      for (let at = 0; at < 100; at += 1) metrics.request(used({ model: `made-up-${at}` }))
      metrics.request(used({ backend: id, model: 'odd "name"' }))
      const models = new Set(parse(yield* shown).flatMap(({ labels }) => labels["model"] ?? []))
      assert.deepStrictEqual([...models].toSorted(), ['odd "name"', "other"])
      // A model is known from the moment on that a backend maps it.
      yield* newBackend({ model_mappings: { "made-up-1": {} } })
      metrics.request(used({ model: "made-up-1" }))
      assert.strictEqual(sumOf(yield* shown, "sidecar_requests_total", { model: "made-up-1" }), 1)
    }).pipe(Effect.provide(gateway())),
  )

  it.live("metrics of the gateway tell how backends stand, and how much the router has to do", () =>
    Effect.gen(function* () {
      const backends = yield* Backends
      const fleet = yield* Fleet
      yield* newBackend()
      yield* newBackend({ enabled: false })
      const { id } = yield* newBackend({ pool: "fallback" })
      yield* backends.observe(limited(id))
      yield* eventually(
        Effect.sync(() => fleet.backends().get(id)?.cooldowns.length),
        (known) => known === 1,
      )
      const text = yield* shown
      const providers = (pool: string, type: string) => sumOf(text, "sidecar_pool_providers", { pool, type })
      assert.deepStrictEqual(
        [
          providers("primary", "healthy"),
          providers("primary", "disabled"),
          providers("primary", "cooling"),
          providers("fallback", "healthy"),
          providers("fallback", "cooling"),
        ],
        [1, 1, 0, 0, 1],
      )
      assert.strictEqual(parse(text).filter(({ name }) => name === "sidecar_pool_providers").length, 8)
      assert.strictEqual(sumOf(text, "sidecar_cooldown_active"), 1)
      assert.strictEqual(sumOf(text, "sidecar_emergency_open"), 0)
      assert.strictEqual(sumOf(text, "sidecar_queue_depth"), 3)
      assert.strictEqual(sumOf(text, "sidecar_in_flight"), 2)
      assert.isAbove(sumOf(text, "process_resident_memory_bytes"), 1_000_000)
      assert.isAbove(sumOf(text, "sidecar_uptime_seconds"), 0)
    }).pipe(Effect.provide(gateway())),
  )

  it("metrics of the gateway forget after a minute", () => {
    const minute = new LastMinute()
    const one = { requests: 1, errors: 0, tokens: 10, cost_usd: 0.5 }
    minute.add(1_000_000, one)
    minute.add(1_000_900, one)
    minute.add(1_030_000, { ...one, errors: 1 })
    assert.deepStrictEqual(minute.read(1_059_999), { requests: 3, errors: 1, tokens: 30, cost_usd: 1.5 })
    assert.deepStrictEqual(minute.read(1_060_000), { requests: 1, errors: 1, tokens: 10, cost_usd: 0.5 })
    minute.add(1_060_000, one)
    assert.strictEqual(minute.read(1_060_000).requests, 2)
    assert.strictEqual(minute.read(2_000_000).requests, 0)
  })
})
