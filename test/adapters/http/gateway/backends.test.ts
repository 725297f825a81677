import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { Backends } from "../../../../src/commands/Backends.ts"
import { KeyVault } from "../../../../src/commands/KeyVault.ts"
import { EventLog } from "../../../../src/domain/EventLog.ts"
import { Fleet } from "../../../../src/projections/Fleet.ts"
import { eventually } from "../../../support/usage.ts"
import { admin, gateway, KEY, newBackend } from "./gatewayDoor.ts"

/** The key that requests to the backend would carry. */
const keyOf = Effect.fnUntraced(function* (id: string) {
  const vault = yield* KeyVault
  const fleet = yield* Fleet
  const version = fleet.backends().get(id)?.key_version ?? ""
  const key = yield* vault.get(id, version)
  return key === undefined ? undefined : Redacted.value(key)
})

const mapping = {
  native_id: "gpt-native",
  reasoning: true,
  reasoning_effort: "high",
  input_modalities: ["text", "image"],
  cost: { input: 0.000001, output: 0.000002, cacheRead: 0, cacheWrite: 0 },
  context_window: 200_000,
  max_tokens: 8_000,
  compat: { max_tokens_field: "max_completion_tokens" },
}

describe("backends of the gateway", () => {
  it.live("backends of the gateway are registered with what is not said as the specification has it", () =>
    Effect.gen(function* () {
      const answer = yield* admin("POST", "/backends", {
        name: "one",
        api_base_url: "https://one.example/v1",
        api_key: KEY,
        model_mappings: { small: {}, large: mapping },
      })
      assert.strictEqual(answer.status, 201)
      const { created_at, id, updated_at, ...shown } = answer.body
      assert.match(id, /^bkd_[0-9a-f]{12}$/)
      assert.strictEqual(created_at, updated_at)
      assert.deepStrictEqual(shown, {
        name: "one",
        label: "",
        api_base_url: "https://one.example/v1",
        api_key: "sk-pro****cdef",
        api: "openai-completions",
        timeout_seconds: 600,
        rpm_limit: 40,
        pool: "primary",
        enabled: true,
        status: "healthy",
        health: "healthy",
        fault: null,
        cooldown_scope: "backend",
        cooldown_until: null,
        consecutive_429_count: 0,
        cooldowns: [],
        model_mappings: {
          small: {
            native_id: "small",
            reasoning: false,
            reasoning_effort: null,
            input_modalities: ["text"],
            cost: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 },
            context_window: 128_000,
            max_tokens: 65_536,
            compat: {},
          },
          large: mapping,
        },
        source: "webui",
        metadata: {},
      })
      assert.strictEqual(yield* keyOf(id), KEY)
      const one = yield* admin("GET", `/backends/${id}`)
      assert.deepStrictEqual(one.body, answer.body)
      assert.deepStrictEqual((yield* admin("GET", "/backends")).body, [answer.body])
      const version = answer.headers.get("crewlog-seq")
      assert.strictEqual(answer.headers.get("etag"), `"${version}"`)
      assert.strictEqual(one.headers.get("etag"), `"${version}"`)
      const known = yield* admin("GET", `/backends/${id}`, undefined, {
        headers: { "if-none-match": `"${version}"` },
      })
      assert.strictEqual(known.status, 304)
    }).pipe(Effect.provide(gateway())),
  )

  it.live("backends of the gateway take the rate that the gateway's options give to those without one", () =>
    Effect.gen(function* () {
      yield* admin("PUT", "/config/rpm_limit", { value: 7 })
      assert.strictEqual((yield* newBackend()).rpm_limit, 7)
      assert.strictEqual((yield* newBackend({ rpm_limit: 9 })).rpm_limit, 9)
    }).pipe(Effect.provide(gateway())),
  )

  it.live("backends of the gateway show no key, anywhere", () =>
    Effect.gen(function* () {
      const secret = "sk-very-secret-key-98765"
      const { id } = yield* newBackend({ api_key: secret })
      const rotated = yield* admin("POST", `/backends/${id}/key`, { api_key: `${secret}-new` })
      const answers = [
        rotated,
        yield* admin("GET", "/backends"),
        yield* admin("GET", `/backends/${id}`),
        yield* admin("POST", "/backends", { name: "", api_key: secret, api_base_url: secret }),
        yield* admin("POST", "/backends", { name: "x", api_key: `${secret} `, api_base_url: "https://a.b" }),
      ]
      for (const { body } of answers) assert.notInclude(JSON.stringify(body), secret)
      const log = yield* EventLog
      const { last } = yield* log.head
      for (let seq = 1; seq <= last; seq += 1) {
        assert.notInclude(JSON.stringify(yield* log.at(seq)), secret)
      }
      assert.strictEqual((yield* newBackend({ api_key: "short" })).api_key, "**********")
    }).pipe(Effect.provide(gateway())),
  )

  it.live("change in what is said, and stay in the rest", () =>
    Effect.gen(function* () {
      const before = yield* newBackend({ model_mappings: { small: {}, large: mapping }, label: "a label" })
      const { body, status } = yield* admin("PUT", `/backends/${before.id}`, {
        name: "two",
        pool: "fallback",
        rpm_limit: 5,
        timeout_seconds: 30,
        enabled: false,
        metadata: { owner: "ops" },
        model_mappings: { large: mapping },
      })
      assert.strictEqual(status, 200)
      const { updated_at: _, ...expected } = {
        ...before,
        name: "two",
        pool: "fallback",
        rpm_limit: 5,
        timeout_seconds: 30,
        enabled: false,
        status: "disabled",
        metadata: { owner: "ops" },
        model_mappings: { large: mapping },
      }
      assert.deepInclude(body, expected)
      assert.strictEqual(yield* keyOf(before.id), KEY)
      assert.deepStrictEqual((yield* admin("GET", `/backends/${before.id}`)).body, body)
    }).pipe(Effect.provide(gateway())),
  )

  it.live("get a new key by the route for it or with other changes, but not by the mask that was shown", () =>
    Effect.gen(function* () {
      const shown = yield* newBackend()
      const { id } = shown
      const rotated = yield* admin("POST", `/backends/${id}/key`, { api_key: "sk-second-0123456789" })
      assert.deepStrictEqual([rotated.status, rotated.body.api_key], [200, "sk-sec****6789"])
      assert.strictEqual(yield* keyOf(id), "sk-second-0123456789")
      const changed = yield* admin("PUT", `/backends/${id}`, {
        api_key: "sk-third-0123456789",
        label: "third",
      })
      assert.deepInclude(changed.body, { api_key: "sk-thi****6789", label: "third" })
      assert.strictEqual(yield* keyOf(id), "sk-third-0123456789")
      // As a form sends everything back that it was shown.
      const saved = yield* admin("PUT", `/backends/${id}`, { ...changed.body, name: "saved" })
      assert.deepStrictEqual([saved.status, saved.body.name], [200, "saved"])
      assert.strictEqual(yield* keyOf(id), "sk-third-0123456789")
    }).pipe(Effect.provide(gateway())),
  )

  it.live("go elsewhere only with a key for there, whatever path they have where they are", () =>
    Effect.gen(function* () {
      const shown = yield* newBackend()
      const path = `/backends/${shown.id}`
      const there = { api_base_url: "https://two.example/v1" }
      // Alone, with the mask that was shown, and as a form sends everything back.
      for (const change of [there, { ...there, api_key: shown.api_key }, { ...shown, ...there }]) {
        const { body, status } = yield* admin("PUT", path, change)
        assert.deepStrictEqual([status, body.code, body.field], [422, "key_needed", "api_key"])
        assert.match(body.detail, /https:\/\/one\.example: .*https:\/\/two\.example, send .* as api_key/)
      }
      assert.deepStrictEqual((yield* admin("GET", path)).body, shown)
      const moved = yield* admin("PUT", path, { api_base_url: "https://one.example/other/v1" })
      assert.deepStrictEqual([moved.status, moved.body.api_key], [200, shown.api_key])
      const rekeyed = yield* admin("PUT", path, { ...there, api_key: "sk-second-0123456789" })
      assert.deepStrictEqual(
        [rekeyed.status, rekeyed.body.api_base_url, rekeyed.body.api_key],
        [200, there.api_base_url, "sk-sec****6789"],
      )
      assert.strictEqual(yield* keyOf(shown.id), "sk-second-0123456789")
    }).pipe(Effect.provide(gateway())),
  )

  it.live("backends of the gateway take one of two changes of place at a time, each with its own key", () =>
    Effect.gen(function* () {
      const { id } = yield* newBackend()
      const to = (host: string, more: object = {}) =>
        admin("PUT", `/backends/${id}`, { api_base_url: `https://${host}.example/v1`, ...more })
      const [withKey, without] = yield* Effect.all(
        [to("two", { api_key: "sk-second-0123456789" }), to("three")],
        { concurrency: 2 },
      )
      assert.deepStrictEqual([withKey.status, without.status], [200, 422])
      assert.strictEqual((yield* to("one")).status, 422)
    }).pipe(Effect.provide(gateway())),
  )

  it.live("backends of the gateway are enabled and disabled, and removed for good", () =>
    Effect.gen(function* () {
      const { id } = yield* newBackend()
      assert.strictEqual((yield* admin("POST", `/backends/${id}/disable`)).body.status, "disabled")
      assert.strictEqual((yield* admin("GET", `/backends/${id}`)).body.enabled, false)
      assert.strictEqual((yield* admin("POST", `/backends/${id}/enable`)).body.status, "healthy")
      const removed = yield* admin("DELETE", `/backends/${id}`)
      assert.deepStrictEqual([removed.status, removed.body], [204, ""])
      assert.deepStrictEqual((yield* admin("GET", "/backends")).body, [])
      for (const [method, path, body] of [
        ["GET", "", undefined],
        ["PUT", "", { name: "x" }],
        ["POST", "/key", { api_key: "sk-x" }],
        ["POST", "/enable", undefined],
      ] as const) {
        const answer = yield* admin(method, `/backends/${id}${path}`, body)
        assert.deepStrictEqual([answer.status, answer.body.code], [404, "backend_not_found"])
      }
      assert.strictEqual((yield* admin("DELETE", `/backends/${id}`)).status, 204)
      const never = yield* admin("DELETE", "/backends/bkd_000000000000")
      assert.deepStrictEqual([never.status, never.body.code], [404, "backend_not_found"])
    }).pipe(Effect.provide(gateway())),
  )

  it.live("backends of the gateway say when they cool down, and until when", () =>
    Effect.gen(function* () {
      const { id } = yield* newBackend({ model_mappings: { small: {}, large: {} }, cooldown_scope: "model" })
      const backends = yield* Backends
      const fleet = yield* Fleet
      const limited = (model: string, retryAfterMillis: number) =>
        backends.observe({
          kind: "rate_limited",
          backend: id,
          model,
          reason: "rate_limit",
          retryAfterMillis,
          sentAt: Date.now() - 1,
          at: Date.now(),
        })
      const shownWhen = (cooldowns: number) =>
        eventually(
          Effect.sync(() => fleet.backends().get(id)?.cooldowns.length),
          (known) => known === cooldowns,
        ).pipe(Effect.andThen(Effect.map(admin("GET", `/backends/${id}`), ({ body }) => body)))
      yield* limited("small", 400_000)
      const half = yield* shownWhen(1)
      assert.deepInclude(half, { status: "healthy", cooldown_until: null, consecutive_429_count: 1 })
      yield* limited("large", 200_000)
      const cooling = yield* shownWhen(2)
      assert.strictEqual(cooling.status, "cooling")
      const [small, large] = cooling.cooldowns
      assert.strictEqual(cooling.cooldown_until, large.until)
      assert.isTrue(large.until < small.until)
      const [primary] = (yield* admin("GET", "/pools")).body
      assert.deepInclude(primary, { pool: "primary", total: 1, healthy: 0, cooling: 1 })
    }).pipe(Effect.provide(gateway())),
  )

  it.live("backends of the gateway are in pools, which say how they stand and what they serve", () =>
    Effect.gen(function* () {
      const one = yield* newBackend({ model_mappings: { b: {}, a: {} }, rpm_limit: 10 })
      const two = yield* newBackend({ model_mappings: { c: {} }, rpm_limit: 20, enabled: false })
      const three = yield* newBackend({ pool: "fallback", rpm_limit: 30 })
      const none = { healthy: 0, cooling: 0, error: 0, disabled: 0, models: [], rpm_left: 0 }
      const { body, status } = yield* admin("GET", "/pools")
      assert.strictEqual(status, 200)
      assert.deepStrictEqual(body, [
        {
          ...none,
          pool: "primary",
          backends: [one.id, two.id],
          models: ["a", "b"],
          total: 2,
          healthy: 1,
          disabled: 1,
          rpm_limit: 10,
        },
        { ...none, pool: "fallback", backends: [three.id], total: 1, healthy: 1, rpm_limit: 30 },
      ])
    }).pipe(Effect.provide(gateway())),
  )

  it.live("change once for one Idempotency-Key, and answer a repeat as at first", () =>
    Effect.gen(function* () {
      const first = yield* newBackend({ model_mappings: { large: mapping } }, { key: "make" })
      const again = yield* newBackend({ model_mappings: { large: mapping } }, { key: "make" })
      assert.deepStrictEqual(again, first)
      assert.strictEqual((yield* admin("GET", "/backends")).body.length, 1)
      const path = `/backends/${first.id}`
      const put = (body: object) => admin("PUT", path, body, { key: "put" })
      const changed = yield* put({ label: "once", api_key: "sk-rotated-0123456789" })
      yield* admin("PUT", path, { label: "later" })
      const repeated = yield* put({ label: "once", api_key: "sk-rotated-0123456789" })
      assert.deepStrictEqual(repeated.body, changed.body)
      assert.strictEqual(repeated.headers.get("crewlog-seq"), changed.headers.get("crewlog-seq"))
      assert.strictEqual((yield* admin("GET", path)).body.label, "later")
      const other = yield* put({ label: "other" })
      assert.deepStrictEqual([other.status, other.body.code], [422, "idempotency_key_reused"])
      for (const _ of [1, 2]) {
        assert.strictEqual((yield* admin("DELETE", path, undefined, { key: "gone" })).status, 204)
      }
    }).pipe(Effect.provide(gateway())),
  )

  it.live("change only in the version that was seen", () =>
    Effect.gen(function* () {
      const { id } = yield* newBackend()
      const path = `/backends/${id}`
      const seen = (yield* admin("GET", path)).headers.get("etag") ?? ""
      const change = (label: string, tag: string) =>
        admin("PUT", path, { label }, { headers: { "if-match": tag } })
      const changed = yield* change("first", seen)
      assert.strictEqual(changed.status, 200)
      const stale = yield* change("second", seen)
      assert.deepStrictEqual([stale.status, stale.body.code], [412, "version_mismatch"])
      const either = yield* change("third", `${seen}, ${changed.headers.get("etag")}`)
      assert.strictEqual(either.status, 200)
      const removed = yield* admin("DELETE", path, undefined, { headers: { "if-match": seen } })
      assert.strictEqual(removed.status, 412)
      assert.strictEqual((yield* admin("GET", path)).body.label, "third")
    }).pipe(Effect.provide(gateway())),
  )
})
