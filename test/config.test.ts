import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Duration, Effect, Layer, Option, Redacted } from "effect"
import { Settings, layer } from "../src/config.ts"

const settingsFrom = (env: Record<string, string>) =>
  Settings.pipe(
    Effect.provide(layer.pipe(Layer.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env }))))),
  )

const key = "0123456789abcdef".repeat(4)
const otherKey = "f".repeat(64)

describe("settings", () => {
  it.effect("have the documented defaults", () =>
    Effect.gen(function* () {
      const settings = yield* settingsFrom({})
      assert.strictEqual(settings.dataFolder, ".crewlog")
      assert.strictEqual(settings.host, "127.0.0.1")
      assert.strictEqual(settings.port, 8100)
      assert.deepStrictEqual([...settings.roles], ["http", "ws", "nats", "projector", "reactor", "gateway"])
      assert.strictEqual(Duration.toSeconds(settings.presenceTimeout), 90)
      assert.strictEqual(Duration.toMillis(settings.readWait), 500)
      assert.strictEqual(settings.rateLimit, 1_000)
      assert.strictEqual(settings.dailyBytes, 268_435_456)
      assert.strictEqual(settings.logLevel, "Info")
      assert.isTrue(Option.isNone(settings.natsUrl))
      assert.isTrue(Option.isNone(settings.databaseUrl))
      assert.isTrue(Option.isNone(settings.adminToken))
      assert.deepStrictEqual(settings.encryptionKeys, [])
    }),
  )

  it.effect("are read from the environment", () =>
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

  it.effect("that are empty count as not given", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* settingsFrom({ CREWLOG_PORT: "" })).port, 8100)
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
    ["LOG_FORMAT", "xml", 'LOG_FORMAT is "xml", but should be pretty or json'],
    [
      "OTEL_EXPORTER_OTLP_ENDPOINT",
      "localhost:4318",
      'OTEL_EXPORTER_OTLP_ENDPOINT is "localhost:4318", but should be an http:// or https:// url',
    ],
    ["DATABASE_URL", "mysql://u:secret@h/d", "DATABASE_URL should be a postgres:// url"],
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
