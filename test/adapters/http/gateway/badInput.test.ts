import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { EventLog } from "../../../../src/domain/EventLog.ts"
import { admin, gateway, KEY, newBackend } from "./gatewayDoor.ts"

const good = { name: "one", api_base_url: "https://one.example/v1", api_key: KEY }
const mapped = (more: object) => ({ ...good, model_mappings: { m: more } })

/** Bodies of new backends, and the field that is told. */
const unfit: ReadonlyArray<readonly [field: string, body: unknown]> = [
  ["name", { ...good, name: "" }],
  ["name", { ...good, name: "x".repeat(201) }],
  ["name", { ...good, name: "nul\0" }],
  ["label", { ...good, label: "\ud800" }],
  ["api_key", { ...good, api_key: "" }],
  ["api_key", { ...good, api_key: "sk two" }],
  ["api_key", { ...good, api_key: "sk\r\nHost: evil" }],
  ["api_key", { ...good, api_key: "x".repeat(4_097) }],
  ["api_base_url", { ...good, api_base_url: "not a url" }],
  ["api_base_url", { ...good, api_base_url: "ftp://one.example" }],
  ["api_base_url", { ...good, api_base_url: "file:///etc/passwd" }],
  ["api_base_url", { ...good, api_base_url: "http://127.0.0.1:8100" }],
  ["api_base_url", { ...good, api_base_url: "http://localhost/v1" }],
  ["api_base_url", { ...good, api_base_url: "http://169.254.169.254/latest/meta-data" }],
  ["api_base_url", { ...good, api_base_url: "http://[::ffff:10.0.0.1]/" }],
  ["api_base_url", { ...good, api_base_url: "http://0x7f.1/" }],
  ["api_base_url", { ...good, api_base_url: "https://user:pass@one.example" }],
  ["api", { ...good, api: "smoke-signals" }],
  ["pool", { ...good, pool: "secondary" }],
  ["source", { ...good, source: "elsewhere" }],
  ["cooldown_scope", { ...good, cooldown_scope: "planet" }],
  ["enabled", { ...good, enabled: "yes" }],
  ["rpm_limit", { ...good, rpm_limit: 0 }],
  ["rpm_limit", { ...good, rpm_limit: 1.5 }],
  ["rpm_limit", { ...good, rpm_limit: "40" }],
  ["timeout_seconds", { ...good, timeout_seconds: 3_601 }],
  [
    "metadata",
    { ...good, metadata: Object.fromEntries(Array.from({ length: 51 }, (_, at) => [`k${at}`, "v"])) },
  ],
  ["metadata.owner", { ...good, metadata: { owner: 1 } }],
  ["model_mappings", { ...good, model_mappings: [] }],
  [
    "model_mappings",
    { ...good, model_mappings: Object.fromEntries(Array.from({ length: 201 }, (_, at) => [`m${at}`, {}])) },
  ],
  ["model_mappings.m.native_id", mapped({ native_id: "" })],
  ["model_mappings.m.cost.input", mapped({ cost: { input: -1 } })],
  ["model_mappings.m.cost.output", mapped({ cost: { output: 1_001 } })],
  ["model_mappings.m.context_window", mapped({ context_window: 0 })],
  ["model_mappings.m.compat.deep", mapped({ compat: { deep: { er: true } } })],
  ["model_mappings.m.input_modalities", mapped({ input_modalities: "text" })],
]

const badOptions: ReadonlyArray<readonly [key: string, value: unknown]> = [
  ["rpm_limit", 0],
  ["rpm_limit", "40"],
  ["rpm_limit", null],
  ["queue_depth", -1],
  ["queue_depth", 1.5],
  ["cooldown_base_seconds", 0],
  ["cooldown_max_seconds", 1e9],
  ["emergency_fraction", 2],
  ["pool_retries", 21],
  ["health_path", "v1/models"],
  ["health_path", "//evil.example/"],
  ["health_path", `/${"x".repeat(300)}`],
  ["member_usd_per_day", -1],
]

describe("what the gateway's admins send", () => {
  it.live(
    "what the gateway's admins send is refused where a backend could not be so, by its field, and nothing is recorded",
    () =>
      Effect.gen(function* () {
        const log = yield* EventLog
        const { id } = yield* newBackend()
        const before = yield* log.head
        for (const [field, body] of unfit) {
          const made = yield* admin("POST", "/backends", body)
          assert.deepStrictEqual([body, made.status, made.body.code], [body, 422, "invalid_input"])
          assert.include(
            made.body.errors.map((one: { readonly field: string }) => one.field),
            field,
          )
          if (field === "source") continue
          assert.strictEqual((yield* admin("PUT", `/backends/${id}`, body)).status, 422)
        }
        for (const missing of ["name", "api_base_url", "api_key"]) {
          const answer = yield* admin("POST", "/backends", { ...good, [missing]: undefined })
          assert.deepStrictEqual([answer.status, answer.body.field], [422, missing])
        }
        assert.deepStrictEqual(yield* log.head, before)
      }).pipe(Effect.provide(gateway())),
  )

  it.live(
    "what the gateway's admins send is refused when it is too much, and 200 large mappings are not",
    () =>
      Effect.gen(function* () {
        const name = (at: number) => `${at}-${"m".repeat(100)}`
        const compat = { note: "x".repeat(500) }
        const many = Object.fromEntries(Array.from({ length: 200 }, (_, at) => [name(at), { compat }]))
        const made = yield* admin("POST", "/backends", { ...good, model_mappings: many })
        assert.strictEqual(made.status, 201)
        assert.strictEqual(Object.keys(made.body.model_mappings).length, 200)
        const long = {
          note: "x".repeat(1_000),
          ...Object.fromEntries(Array.from({ length: 49 }, (_, at) => [at, "y".repeat(1_000)])),
        }
        const huge = Object.fromEntries(Array.from({ length: 200 }, (_, at) => [name(at), { compat: long }]))
        const body = yield* admin("POST", "/backends", { ...good, model_mappings: huge })
        assert.deepStrictEqual([body.status, body.body.code], [400, "body_too_large"])
        const large = Object.fromEntries(Object.entries(huge).slice(0, 18))
        const record = yield* admin("POST", "/backends", { ...good, model_mappings: large })
        assert.deepStrictEqual([record.status, record.body.code], [400, "body_too_large"])
      }).pipe(Effect.provide(gateway())),
  )

  it.live("what the gateway's admins send may name a private address that the operator allows", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* newBackend({ api_base_url: "http://127.0.0.1:8080/v1" })).status, "healthy")
      const other = yield* admin("POST", "/backends", { ...good, api_base_url: "http://127.0.0.1:8081/v1" })
      assert.deepStrictEqual([other.status, other.body.field], [422, "api_base_url"])
      assert.include(other.body.detail, "CREWLOG_PRIVATE_UPSTREAMS has 127.0.0.1:8081")
    }).pipe(Effect.provide(gateway({ CREWLOG_PRIVATE_UPSTREAMS: "127.0.0.1:8080" }))),
  )

  it.live("what the gateway's admins send does nothing with names that are special to JavaScript", () =>
    Effect.gen(function* () {
      const register = (mappings: string) =>
        admin(
          "POST",
          "/backends",
          `{"name":"one","api_base_url":"https://a.example","api_key":"k","model_mappings":${mappings}}`,
        )
      const refused = yield* register(`{"a":{"__proto__":{"native_id":"evil"}}}`)
      assert.deepStrictEqual([refused.status, refused.body.code], [422, "unknown_field"])
      const made = yield* register(`{"__proto__":{"native_id":"x"},"constructor":{},"a":{}}`)
      assert.strictEqual(made.status, 201)
      assert.strictEqual(made.body.model_mappings.a.native_id, "a")
      assert.strictEqual(({} as Record<string, unknown>)["native_id"], undefined)
      const again = yield* admin("GET", `/backends/${made.body.id}`)
      assert.deepStrictEqual(again.body, made.body)
      assert.strictEqual((yield* admin("GET", "/config/__proto__")).status, 404)
      assert.strictEqual((yield* admin("PUT", "/config/constructor", { value: 1 })).status, 404)
    }).pipe(Effect.provide(gateway())),
  )

  it.live("what the gateway's admins send is refused where an option could not be so", () =>
    Effect.gen(function* () {
      for (const [key, value] of badOptions) {
        const answer = yield* admin("PUT", `/config/${key}`, { value })
        assert.deepStrictEqual(
          [key, value, answer.status, answer.body.code],
          [key, value, 422, "option_unfit"],
        )
        assert.strictEqual(answer.body.field, "value")
      }
      const told = yield* admin("PUT", "/config/rpm_limit", { value: 0 })
      assert.strictEqual(told.body.detail, "Expected a value between 1 and 1000000")
      for (const body of [{}, { value: true }, { value: [] }, { value: { a: 1 } }, [1]]) {
        assert.strictEqual((yield* admin("PUT", "/config/rpm_limit", body)).status, 422)
      }
      const unknown = yield* admin("PUT", "/config/colour", { value: 1 })
      assert.deepStrictEqual([unknown.status, unknown.body.code], [404, "option_not_found"])
    }).pipe(Effect.provide(gateway())),
  )

  it.live("what the gateway's admins send is refused in paths and queries", () =>
    Effect.gen(function* () {
      for (const path of [
        "/backends/bkd_1",
        "/backends/bkd_00000000000G",
        "/backends/crew.%3E",
        "/allowances/No-Such_Slug",
        "/stats/hourly?hours=0",
        "/stats/hourly?hours=99999",
        "/stats/daily?days=x",
        "/stats/total?backend_id=1%27%20or%201=1",
        "/stats/cooldown?limit=1001",
        "/stats/tasks?project=%00",
      ]) {
        const answer = yield* admin("GET", path)
        assert.deepStrictEqual([path, answer.status, answer.body.code], [path, 400, "bad_parameter"])
      }
    }).pipe(Effect.provide(gateway())),
  )
})
