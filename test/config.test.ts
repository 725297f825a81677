import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Duration, Effect, Layer, Option, Redacted } from "effect"
import { Settings, layer } from "../src/config.ts"
import { gatewayDefaults } from "../src/domain/Gateway.ts"

const settingsFrom = (env: Record<string, string>) =>
  Settings.pipe(
    Effect.provide(layer.pipe(Layer.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env }))))),
  )

const key = "0123456789abcdef".repeat(4)
const otherKey = "f".repeat(64)

describe("settings", () => {
  it.effect("settings have the documented defaults", () =>
    Effect.gen(function* () {
      const settings = yield* settingsFrom({})
      assert.strictEqual(settings.dataFolder, ".crewlog")
      assert.strictEqual(settings.host, "127.0.0.1")
      assert.strictEqual(settings.port, 8100)
      assert.deepStrictEqual([...settings.roles], ["http", "ws", "nats", "projector", "reactor", "gateway"])
      assert.strictEqual(Duration.toSeconds(settings.presenceTimeout), 90)
      assert.strictEqual(Duration.toMillis(settings.readWait), 500)
      assert.strictEqual(settings.rateLimit, 1_000)
      assert.isFalse(settings.allowOpenNats)
      assert.strictEqual(settings.dailyBytes, 268_435_456)
      assert.strictEqual(settings.logLevel, "Info")
      assert.isTrue(Option.isNone(settings.natsUrl))
      assert.isTrue(Option.isNone(settings.databaseUrl))
      assert.isTrue(Option.isNone(settings.adminToken))
      assert.deepStrictEqual(settings.encryptionKeys, [])
      assert.deepStrictEqual([settings.gatewayPort, settings.metricsPort], [9190, 9191])
      assert.isTrue(Option.isNone(settings.gatewayToken))
      assert.deepStrictEqual([...settings.privateUpstreams], [])
      assert.strictEqual(settings.gatewayBodyLimit, 33_554_432)
      assert.deepStrictEqual(settings.gatewayOptions, {})
    }),
  )

  it.effect("settings are read from the environment", () =>
    Effect.gen(function* () {
      const settings = yield* settingsFrom({
        CREWLOG_PORT: "0",
        CREWLOG_ROLES: "http, projector",
        CREWLOG_ALLOWED_ORIGINS: "https://a.example,http://localhost:3000",
        CREWLOG_PRESENCE_TIMEOUT: "2 seconds",
        CREWLOG_ENCRYPTION_KEY: `new:${key},${otherKey}`,
        NATS_URL: "nats://user:secret@one:4222,tls://two",
        LOG_LEVEL: "DEBUG",
        LOG_FORMAT: "json",
      })
      assert.strictEqual(settings.port, 0)
      assert.deepStrictEqual([...settings.roles], ["http", "projector"])
      assert.deepStrictEqual(settings.allowedOrigins, ["https://a.example", "http://localhost:3000"])
      assert.strictEqual(Duration.toSeconds(settings.presenceTimeout), 2)
      assert.deepStrictEqual(
        settings.encryptionKeys.map(({ id, hex }) => [Option.getOrUndefined(id), Redacted.value(hex)]),
        [
          ["new", key],
          [undefined, otherKey],
        ],
      )
      assert.strictEqual(settings.logLevel, "Debug")
      assert.deepStrictEqual(settings.logFormat, Option.some("json"))
    }),
  )

  it.effect("settings decide the gateway's options where they are there, and only these", () =>
    Effect.gen(function* () {
      const settings = yield* settingsFrom({
        CREWLOG_GATEWAY_PORT: "0",
        CREWLOG_METRICS_PORT: "9000",
        CREWLOG_GATEWAY_TOKEN: "shared",
        CREWLOG_PRIVATE_UPSTREAMS: "10.0.0.7:8080, LocalHost:080,[0:0::1]:443",
        CREWLOG_GATEWAY_BODY_LIMIT: "1024",
        CREWLOG_RPM_LIMIT: "7",
        CREWLOG_QUEUE_DEPTH: "0",
        CREWLOG_QUEUE_WAIT: "1500 millis",
        CREWLOG_COOLDOWN_BASE: "2 seconds",
        CREWLOG_COOLDOWN_MAX: "1 minute",
        CREWLOG_COOLDOWN_QUOTA: "1 day",
        CREWLOG_EMERGENCY_FRACTION: "0.5",
        CREWLOG_EMERGENCY_RETRIES: "1",
        CREWLOG_POOL_RETRIES: "2",
        CREWLOG_HEALTH_INTERVAL: "10 millis",
        CREWLOG_HEALTH_TIMEOUT: "3 seconds",
        CREWLOG_HEALTH_PATH: "/health",
        CREWLOG_CONNECT_TIMEOUT: "4 seconds",
        CREWLOG_FIRST_BYTE_TIMEOUT: "5 seconds",
        CREWLOG_IDLE_TIMEOUT: "6 seconds",
        CREWLOG_REQUEST_TIMEOUT: "7 seconds",
        CREWLOG_SSE_INTERVAL: "8 seconds",
        CREWLOG_MEMBER_REQUESTS_PER_MINUTE: "none",
        CREWLOG_MEMBER_TOKENS_PER_DAY: "1000",
        CREWLOG_MEMBER_USD_PER_DAY: "2.5",
      })
      assert.deepStrictEqual([settings.gatewayPort, settings.metricsPort], [0, 9000])
      assert.deepStrictEqual(Option.map(settings.gatewayToken, Redacted.value), Option.some("shared"))
      assert.deepStrictEqual([...settings.privateUpstreams], ["10.0.0.7:8080", "localhost:80", "[::1]:443"])
      assert.strictEqual(settings.gatewayBodyLimit, 1024)
      assert.deepStrictEqual(settings.gatewayOptions, {
        rpm_limit: 7,
        queue_depth: 0,
        queue_seconds: 1.5,
        cooldown_base_seconds: 2,
        cooldown_max_seconds: 60,
        cooldown_quota_seconds: 86_400,
        emergency_fraction: 0.5,
        emergency_retries: 1,
        pool_retries: 2,
        health_interval_seconds: 0.01,
        health_timeout_seconds: 3,
        health_path: "/health",
        connect_timeout_seconds: 4,
        first_byte_timeout_seconds: 5,
        idle_timeout_seconds: 6,
        request_timeout_seconds: 7,
        sse_interval_seconds: 8,
        member_requests_per_minute: null,
        member_tokens_per_day: 1_000,
        member_usd_per_day: 2.5,
      })
      // Whatever operators can set, the environment can.
      assert.sameMembers(Object.keys(settings.gatewayOptions), Object.keys(gatewayDefaults))
    }),
  )

  it.effect("that are empty count as not given", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* settingsFrom({ CREWLOG_PORT: "" })).port, 8100)
    }),
  )

  it.effect("a variable that looks like a setting and is none is refused, with the nearest one", () =>
    Effect.gen(function* () {
      for (const [name, message] of [
        ["CREWLOG_PROT", "CREWLOG_PROT is no setting; CREWLOG_PORT is. All of them: docs/settings.md"],
        [
          "CREWLOG_GATEWAY_PORTS",
          "CREWLOG_GATEWAY_PORTS is no setting; CREWLOG_GATEWAY_PORT is. All of them: docs/settings.md",
        ],
        [
          "CREWLOG_RATELIMIT",
          "CREWLOG_RATELIMIT is no setting; CREWLOG_RATE_LIMIT is. All of them: docs/settings.md",
        ],
        ["CREWLOG_X", "CREWLOG_X is no setting. All of them: docs/settings.md"],
      ] as const) {
        assert.strictEqual((yield* Effect.flip(settingsFrom({ [name]: "1" }))).message, message)
      }
      // Other programs' variables, and those of clients.
      yield* settingsFrom({ CREWLOGGER_X: "1", NATS_URLS: "1", CREWLOG_URL: "http://a", CREWLOG_TOKEN: "t" })
    }),
  )

  it.effect("variables that Kubernetes sets for a Service named crewlog are no settings", () =>
    Effect.gen(function* () {
      const { port } = yield* settingsFrom({
        CREWLOG_SERVICE_HOST: "10.0.0.1",
        CREWLOG_SERVICE_PORT_HTTP: "8100",
        CREWLOG_NATS_SERVICE_PORT: "4222",
        CREWLOG_PORT_8100_TCP: "tcp://10.0.0.1:8100",
        CREWLOG_PORT_8100_TCP_ADDR: "10.0.0.1",
      })
      assert.strictEqual(port, 8100)
    }),
  )

  const wrong: ReadonlyArray<readonly [setting: string, value: string, message: string]> = [
    [
      "CREWLOG_PORT",
      "99999",
      'CREWLOG_PORT is "99999", but should be a port from 0 to 65535 (0 takes a free one)',
    ],
    [
      "CREWLOG_PORT",
      "1.5",
      'CREWLOG_PORT is "1.5", but should be a port from 0 to 65535 (0 takes a free one)',
    ],
    [
      "CREWLOG_ROLES",
      "http,htpp",
      'CREWLOG_ROLES is "http,htpp", but should be a comma-separated list of http, ws, nats, projector, reactor, gateway, none of them twice',
    ],
    [
      "CREWLOG_PRESENCE_TIMEOUT",
      "90",
      'CREWLOG_PRESENCE_TIMEOUT is "90", but should be a duration above zero such as "90 seconds" or "500 millis"',
    ],
    [
      "CREWLOG_PING_INTERVAL",
      "-1 seconds",
      'CREWLOG_PING_INTERVAL is "-1 seconds", but should be a duration above zero such as "90 seconds" or "500 millis"',
    ],
    [
      "CREWLOG_RATE_LIMIT",
      "0",
      'CREWLOG_RATE_LIMIT is "0", but should be a whole number of requests a second from 1',
    ],
    [
      "CREWLOG_ALLOWED_ORIGINS",
      "https://a.example/path",
      'CREWLOG_ALLOWED_ORIGINS is "https://a.example/path", but should be origins such as https://crew.example.org, comma-separated',
    ],
    [
      "LOG_LEVEL",
      "loud",
      'LOG_LEVEL is "loud", but should be one of trace, debug, info, warn, warning, error, fatal, none',
    ],
    [
      "CREWLOG_GATEWAY_PORT",
      "-1",
      'CREWLOG_GATEWAY_PORT is "-1", but should be a port from 0 to 65535 (0 takes a free one)',
    ],
    [
      "CREWLOG_GATEWAY_TOKEN",
      "two words",
      "CREWLOG_GATEWAY_TOKEN should be printable ASCII characters without blanks",
    ],
    ...["http://10.0.0.7:80", "10.0.0.7", "10.0.0.7:0", "10.0.0.7:99999", "me@here:80", "a:80,a:80"].map(
      (value) =>
        [
          "CREWLOG_PRIVATE_UPSTREAMS",
          value,
          `CREWLOG_PRIVATE_UPSTREAMS is "${value}", but should be host:port pairs such as 10.0.0.7:8080, comma-separated`,
        ] as const,
    ),
    ["CREWLOG_RPM_LIMIT", "0", 'CREWLOG_RPM_LIMIT is "0", but should be a whole number from 1 to 1000000'],
    ...["30", "2 days", "1 millis", "0 seconds"].map(
      (value) =>
        [
          "CREWLOG_QUEUE_WAIT",
          value,
          `CREWLOG_QUEUE_WAIT is "${value}", but should be a duration from 10 millis to 1 day such as "30 seconds" or "500 millis"`,
        ] as const,
    ),
    ...["1.1", "-0.1", "ten percent"].map(
      (value) =>
        [
          "CREWLOG_EMERGENCY_FRACTION",
          value,
          `CREWLOG_EMERGENCY_FRACTION is "${value}", but should be a number from 0 to 1`,
        ] as const,
    ),
    [
      "CREWLOG_HEALTH_PATH",
      "//evil.example",
      'CREWLOG_HEALTH_PATH is "//evil.example", but should be a path such as /v1/models',
    ],
    ...["-1", "Infinity", "unlimited"].map(
      (value) =>
        [
          "CREWLOG_MEMBER_USD_PER_DAY",
          value,
          `CREWLOG_MEMBER_USD_PER_DAY is "${value}", but should be a number from 0, or none`,
        ] as const,
    ),
    ["LOG_FORMAT", "xml", 'LOG_FORMAT is "xml", but should be pretty or json'],
    [
      "OTEL_EXPORTER_OTLP_ENDPOINT",
      "localhost:4318",
      'OTEL_EXPORTER_OTLP_ENDPOINT is "localhost:4318", but should be an http:// or https:// url',
    ],
    ["DATABASE_URL", "mysql://u:secret@h/d", "DATABASE_URL should be a postgres:// url"],
    ["CREWLOG_ALLOW_OPEN_NATS", "true", 'CREWLOG_ALLOW_OPEN_NATS is "true", but should be yes or no'],
    ["NATS_URL", "nats://a:4222,secret", "NATS_URL should be nats:// or tls:// urls, comma-separated"],
    [
      "CREWLOG_ADMIN_TOKEN",
      "two words",
      "CREWLOG_ADMIN_TOKEN should be printable ASCII characters without blanks",
    ],
    [
      "CREWLOG_ENCRYPTION_KEY",
      "secret",
      "CREWLOG_ENCRYPTION_KEY should be 64 hex characters, or id:hex pairs with different ids, comma-separated",
    ],
    [
      "CREWLOG_ENCRYPTION_KEY",
      `a:${key},a:${otherKey}`,
      "CREWLOG_ENCRYPTION_KEY should be 64 hex characters, or id:hex pairs with different ids, comma-separated",
    ],
  ]
  it.effect.each(wrong)("%s=%s is refused in one line", ([setting, value, message]) =>
    Effect.gen(function* () {
      const refusal = yield* Effect.flip(settingsFrom({ [setting]: value }))
      assert.strictEqual(refusal.message, message)
    }),
  )
})
