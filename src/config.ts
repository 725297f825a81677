import {
  Config,
  ConfigProvider,
  Context,
  Duration,
  Effect,
  Layer,
  type LogLevel,
  Option,
  Redacted,
  Schema,
  SchemaTransformation,
  Struct,
} from "effect"
import { gatewayDefaults, GatewayOptions } from "./domain/Gateway.ts"
import { nearest } from "./domain/nearest.ts"

/** A setting that can't be used. The message is the one line that a start prints before it exits with 1. */
export class SettingInvalid extends Schema.TaggedError<SettingInvalid>()("SettingInvalid", {
  setting: Schema.String,
  /** Absent for secrets and for settings that are missing. */
  given: Schema.optionalKey(Schema.String),
  expected: Schema.String,
}) {
  override get message() {
    return `${this.setting}${this.given === undefined ? "" : ` is ${JSON.stringify(this.given)}, but`} should be ${this.expected}`
  }
}

/** A variable that looks like a setting and is none: a setting that was misspelt would do nothing, and nobody would know. */
export class SettingUnknown extends Schema.TaggedError<SettingUnknown>()("SettingUnknown", {
  setting: Schema.String,
  /** The setting that was most likely meant; absent where none comes near. */
  meant: Schema.optionalKey(Schema.String),
}) {
  override get message() {
    return `${this.setting} is no setting${this.meant === undefined ? "" : `; ${this.meant} is`}. All of them: docs/settings.md`
  }
}

/** A setting as people are told of it. */
export interface DescribedSetting {
  readonly name: string
  readonly meaning: string
  /** Completes "should be ...". */
  readonly expected: string
  /** Empty where the setting has none. */
  readonly byDefault: string
}

/** The ear of whoever wants to know the settings that are read. */
const Noted = Context.Reference<(setting: DescribedSetting) => void>("crewlog/config/Noted", {
  defaultValue: () => () => {},
})

const ROLES = ["http", "ws", "nats", "projector", "reactor", "gateway"] as const

/** A part of the program that a node runs (architecture.md, Running). */
export type Role = (typeof ROLES)[number]

/** A key that seals secrets. */
export interface EncryptionKey {
  /** Absent where the setting gave a bare key: the id then derives from the key. */
  readonly id: Option.Option<string>
  /** 64 hex characters. */
  readonly hex: Redacted.Redacted
}

const LOG_LEVELS = {
  trace: "Trace",
  debug: "Debug",
  info: "Info",
  warn: "Warn",
  warning: "Warn",
  error: "Error",
  fatal: "Fatal",
  none: "None",
} as const satisfies Record<string, LogLevel.LogLevel>

const between = (minimum: number, maximum = Number.MAX_SAFE_INTEGER) =>
  Schema.NumberFromString.check(Schema.isInt(), Schema.isBetween({ minimum, maximum }))

const word = Schema.String.check(Schema.isPattern(/^[\x21-\x7e]+$/))

const urlWith = (...schemes: ReadonlyArray<string>) =>
  word.check(
    Schema.makeFilter((text) => URL.canParse(text) && schemes.includes(new URL(text).protocol.slice(0, -1))),
  )

const natsUrls = Schema.String.check(
  Schema.makeFilter((text) => text.split(",").every((url) => Schema.is(urlWith("nats", "tls"))(url.trim()))),
)

const origin = word.check(Schema.makeFilter((text) => URL.canParse(text) && new URL(text).origin === text))

const duration = Schema.DurationFromString.check(
  Schema.makeFilter((time) => Duration.isFinite(time) && Duration.toMillis(time) > 0),
)

const upstream = Schema.String.check(
  Schema.makeFilter(
    (text) =>
      /^(\[[\da-fA-F:.]+\]|[\w.-]+):\d{1,5}$/.test(text) &&
      URL.canParse(`http://${text}`) &&
      !/:0+$/.test(text),
  ),
)

/** A host and a port as the URL of a request would name them. */
const asInUrls = (text: string) =>
  `${new URL(`http://${text}`).hostname}:${Number(text.slice(text.lastIndexOf(":") + 1))}`

const accountSeed = Schema.String.check(Schema.isPattern(/^SA[A-Z2-7]{56}$/))

const encryptionKey = Schema.String.check(Schema.isPattern(/^([\w-]{1,64}:)?[\da-fA-F]{64}$/))

/** Comma-separated, blanks around items ignored, no item twice. */
const listOf = <Value>(item: Schema.Codec<Value, string>) =>
  Schema.String.pipe(
    Schema.decodeTo(
      Schema.Array(item).check(Schema.isUnique()),
      SchemaTransformation.transform<ReadonlyArray<string>, string>({
        decode: (text) => text.split(",").map((part) => part.trim()),
        encode: (parts) => parts.join(","),
      }),
    ),
  )

const oneOf = <const Words extends ReadonlyArray<string>>(words: Words) =>
  Schema.String.pipe(
    Schema.decodeTo(
      Schema.Literals(words),
      SchemaTransformation.transform({ decode: (text) => text.toLowerCase(), encode: (text) => text }),
    ),
  )

interface Expectation<Value> {
  readonly is: Schema.Codec<Value, string>
  readonly expected: string
  readonly meaning: string
  readonly secret?: boolean
  /** The default as people write it. */
  readonly shown?: string
}

const optional = Effect.fnUntraced(function* <Value>(
  name: string,
  { expected, is, meaning, secret, shown = "" }: Expectation<Value>,
) {
  const note = yield* Noted
  note({ name, expected, meaning, byDefault: shown })
  const text = yield* Effect.orDie(Config.option(Config.String(name)))
  if (Option.isNone(text)) return Option.none<Value>()
  return yield* Schema.decodeEffect(is)(text.value.trim()).pipe(
    Effect.asSome,
    Effect.mapError(
      () => new SettingInvalid({ setting: name, expected, ...(secret ? {} : { given: text.value }) }),
    ),
  )
})

const required = <Value>(name: string, byDefault: Value, expectation: Expectation<Value>) =>
  Effect.map(
    optional(name, { shown: String(byDefault), ...expectation }),
    Option.getOrElse(() => byDefault),
  )

const time = (name: string, byDefault: string & Duration.Input, meaning: string) =>
  required(name, Duration.fromInputUnsafe(byDefault), {
    is: duration,
    expected: 'a duration above zero such as "90 seconds" or "500 millis"',
    meaning,
    shown: byDefault,
  })

const count = (name: string, byDefault: number, of: string, meaning: string) =>
  required(name, byDefault, { is: between(1), expected: `a whole number of ${of} from 1`, meaning })

const portAt = (name: string, byDefault: number, meaning: string) =>
  required(name, byDefault, {
    is: between(0, 65_535),
    expected: "a port from 0 to 65535 (0 takes a free one)",
    meaning,
  })

const redacted = (name: string, expectation: Omit<Expectation<string>, "secret">) =>
  Effect.map(optional(name, { ...expectation, secret: true }), Option.map(Redacted.make))

const toKey = (text: string): EncryptionKey => {
  const [hex = "", id] = text.split(":").toReversed()
  return { id: Option.fromUndefinedOr(id), hex: Redacted.make(hex) }
}

const withDifferentIds = (keys: ReadonlyArray<EncryptionKey>) => {
  const ids = keys.flatMap((key) => Option.toArray(key.id))
  return new Set(ids).size === ids.length
}

/** Keys as CREWLOG_ENCRYPTION_KEY has them; none where the text is something else. */
export const parseEncryptionKeys = (text: string): Option.Option<ReadonlyArray<EncryptionKey>> =>
  Schema.decodeOption(listOf(encryptionKey))(text.trim()).pipe(
    Option.map((texts) => texts.map(toKey)),
    Option.filter(withDifferentIds),
  )

/** The texts that {@link parseEncryptionKeys} takes. */
export const ENCRYPTION_KEYS = "64 hex characters, or id:hex pairs with different ids, comma-separated"

const encryptionKeys = Effect.fnUntraced(function* () {
  const name = "CREWLOG_ENCRYPTION_KEY"
  const text = yield* optional(name, {
    is: Schema.String,
    expected: ENCRYPTION_KEYS,
    meaning:
      "The keys that secrets are sealed with: the first seals, all open. The same on every node; must be set where " +
      "NATS_URL is. Else a file in the data folder",
    secret: true,
  })
  if (Option.isNone(text)) return []
  const keys = parseEncryptionKeys(text.value)
  if (Option.isSome(keys)) return keys.value
  return yield* new SettingInvalid({ setting: name, expected: ENCRYPTION_KEYS })
})

type OptionText = Omit<Expectation<number | string | null>, "meaning">

const inSeconds: OptionText = {
  is: duration.pipe(
    Schema.decodeTo(
      Schema.Finite,
      SchemaTransformation.transform({ decode: Duration.toSeconds, encode: Duration.seconds }),
    ),
  ),
  expected: 'a duration from 10 millis to 1 day such as "30 seconds" or "500 millis"',
}
const wholeFrom = (minimum: number, maximum: number): OptionText => ({
  is: between(minimum, maximum),
  expected: `a whole number from ${minimum} to ${maximum}`,
})
const unlimited = Schema.Literal("none").pipe(
  Schema.decodeTo(
    Schema.Null,
    SchemaTransformation.transform({ decode: () => null, encode: () => "none" as const }),
  ),
)
const limit: OptionText = {
  is: Schema.Union([unlimited, Schema.NumberFromString]),
  expected: "a number from 0, or none",
}

type GatewaySetting = readonly [setting: string, key: keyof GatewayOptions, is: OptionText, meaning: string]

/** The settings of the gateway's options, which stand above the options that operators set. */
const gatewaySettings: ReadonlyArray<GatewaySetting> = [
  [
    "CREWLOG_RPM_LIMIT",
    "rpm_limit",
    wholeFrom(1, 1_000_000),
    "Requests a minute of backends that are registered without a limit",
  ],
  ["CREWLOG_QUEUE_DEPTH", "queue_depth", wholeFrom(0, 100_000), "Requests that may wait for a backend"],
  ["CREWLOG_QUEUE_WAIT", "queue_seconds", inSeconds, "The longest that one waits"],
  [
    "CREWLOG_COOLDOWN_BASE",
    "cooldown_base_seconds",
    inSeconds,
    "The first rest of a backend that is limited; later ones grow",
  ],
  ["CREWLOG_COOLDOWN_MAX", "cooldown_max_seconds", inSeconds, "The longest rest"],
  [
    "CREWLOG_COOLDOWN_QUOTA",
    "cooldown_quota_seconds",
    inSeconds,
    "The longest rest of a backend whose quota is used up",
  ],
  [
    "CREWLOG_EMERGENCY_FRACTION",
    "emergency_fraction",
    { is: Schema.NumberFromString, expected: "a number from 0 to 1" },
    "The fraction of CREWLOG_RPM_LIMIT that is served while every backend rests",
  ],
  ["CREWLOG_EMERGENCY_RETRIES", "emergency_retries", wholeFrom(1, 10), "Tries of a request then"],
  ["CREWLOG_POOL_RETRIES", "pool_retries", wholeFrom(1, 20), "Tries of a request in the pools"],
  [
    "CREWLOG_HEALTH_INTERVAL",
    "health_interval_seconds",
    inSeconds,
    "The time between two looks at a backend's health",
  ],
  ["CREWLOG_HEALTH_TIMEOUT", "health_timeout_seconds", inSeconds, "The longest that such a look takes"],
  [
    "CREWLOG_HEALTH_PATH",
    "health_path",
    { is: Schema.String, expected: "a path such as /v1/models" },
    "The path that is asked for it",
  ],
  [
    "CREWLOG_CONNECT_TIMEOUT",
    "connect_timeout_seconds",
    inSeconds,
    "The longest wait for a connection to a provider",
  ],
  [
    "CREWLOG_FIRST_BYTE_TIMEOUT",
    "first_byte_timeout_seconds",
    inSeconds,
    "The longest wait for the first byte of its answer",
  ],
  ["CREWLOG_IDLE_TIMEOUT", "idle_timeout_seconds", inSeconds, "The longest pause within an answer"],
  [
    "CREWLOG_REQUEST_TIMEOUT",
    "request_timeout_seconds",
    inSeconds,
    "The longest that a whole answer takes that is not streamed",
  ],
  [
    "CREWLOG_SSE_INTERVAL",
    "sse_interval_seconds",
    inSeconds,
    "The time between two events of the gateway's own dashboard stream",
  ],
  [
    "CREWLOG_MEMBER_REQUESTS_PER_MINUTE",
    "member_requests_per_minute",
    limit,
    "Requests of a member without an allowance of its own, a minute",
  ],
  ["CREWLOG_MEMBER_TOKENS_PER_DAY", "member_tokens_per_day", limit, "Its tokens in a day (UTC)"],
  ["CREWLOG_MEMBER_USD_PER_DAY", "member_usd_per_day", limit, "Its US dollars in a day (UTC)"],
]

/** The default of an option as its setting is written. */
const shownOption = (key: keyof GatewayOptions): string => {
  const value = gatewayDefaults[key]
  return key.endsWith("_seconds") ? `${value} seconds` : (value ?? "none").toString()
}

const gatewayOptions = Effect.fnUntraced(function* () {
  const options: Record<string, number | string | null> = {}
  for (const [setting, key, { expected, is }, meaning] of gatewaySettings) {
    const isOption = Schema.is(GatewayOptions.fields[key])
    const fitting = is.check(Schema.makeFilter(isOption))
    const value = yield* optional(setting, { is: fitting, expected, meaning, shown: shownOption(key) })
    if (Option.isSome(value)) options[key] = value.value
  }
  return options as Partial<GatewayOptions>
})

/** Every setting of the program (operations.md). Nothing else reads the environment. */
export class Settings extends Context.Service<
  Settings,
  {
    /** CREWLOG_DATA, as given: relative to the working directory. */
    readonly dataFolder: string
    /** CREWLOG_HOST: the address the program listens on. */
    readonly host: string
    /** CREWLOG_PORT: REST and WebSocket; 0 takes a free one. */
    readonly port: number
    /** CREWLOG_GATEWAY_PORT: the provider gateway and its admin API; 0 takes a free one. */
    readonly gatewayPort: number
    /** CREWLOG_METRICS_PORT; 0 takes a free one. */
    readonly metricsPort: number
    /** CREWLOG_GATEWAY_TOKEN: a token that many share, for the provider gateway alone. */
    readonly gatewayToken: Option.Option<Redacted.Redacted>
    /** CREWLOG_PRIVATE_UPSTREAMS: `host:port` of private addresses that providers may have, as URLs have them. */
    readonly privateUpstreams: ReadonlySet<string>
    /** CREWLOG_GATEWAY_BODY_LIMIT: bytes that a request to a provider may have. */
    readonly gatewayBodyLimit: number
    /** CREWLOG_RPM_LIMIT and its kin: those options of the gateway that the environment decides. */
    readonly gatewayOptions: Partial<GatewayOptions>
    /** CREWLOG_ADMIN_TOKEN. */
    readonly adminToken: Option.Option<Redacted.Redacted>
    /** CREWLOG_ENCRYPTION_KEY: the first seals, all open. Needed by a server whose log is not embedded. */
    readonly encryptionKeys: ReadonlyArray<EncryptionKey>
    /** CREWLOG_ROLES. */
    readonly roles: ReadonlySet<Role>
    /** CREWLOG_ALLOWED_ORIGINS, beside the program's own. */
    readonly allowedOrigins: ReadonlyArray<string>
    /** NATS_URL: one or more, comma-separated; none means embedded. */
    readonly natsUrl: Option.Option<Redacted.Redacted>
    /** CREWLOG_ALLOW_OPEN_NATS: a NATS server that anybody can log in to from elsewhere is not refused. */
    readonly allowOpenNats: boolean
    /** CREWLOG_NATS_PORT: of the embedded nats-server; 0 takes a free one, and the same again at later starts. */
    readonly natsPort: number
    /** CREWLOG_NATS_ISSUER: the seed of the account key that answers to agents' logins are signed with. */
    readonly natsIssuer: Option.Option<Redacted.Redacted>
    /** DATABASE_URL: none means embedded. */
    readonly databaseUrl: Option.Option<Redacted.Redacted>
    /** CREWLOG_REPLICAS: of the streams that Crewlog makes; 3 wants a cluster of three servers. */
    readonly replicas: number
    /** CREWLOG_PRESENCE_TIMEOUT: a member not seen for so long is offline. */
    readonly presenceTimeout: Duration.Duration
    /** CREWLOG_READ_WAIT: how long an answer waits for the read model. */
    readonly readWait: Duration.Duration
    /** CREWLOG_AUTH_TIMEOUT: how long a socket may take to say who it is. */
    readonly authTimeout: Duration.Duration
    /** CREWLOG_PING_INTERVAL. */
    readonly pingInterval: Duration.Duration
    /** CREWLOG_PONG_TIMEOUT. */
    readonly pongTimeout: Duration.Duration
    /** CREWLOG_DRAIN_TIMEOUT: how long a stop waits for requests in flight, then for attempts of reactions. */
    readonly drainTimeout: Duration.Duration
    /** CREWLOG_RATE_LIMIT: requests a second for one token. */
    readonly rateLimit: number
    /** CREWLOG_MAX_CLAIMS: tasks that one member may hold at a time. */
    readonly maxClaims: number
    /** CREWLOG_DAILY_BYTES: bytes that one member may add to the log in a day. */
    readonly dailyBytes: number
    /** LOG_LEVEL. */
    readonly logLevel: LogLevel.LogLevel
    /** LOG_FORMAT: none means pretty on a terminal, else json. */
    readonly logFormat: Option.Option<"pretty" | "json">
    /** OTEL_EXPORTER_OTLP_ENDPOINT: none means no export. */
    readonly otlpEndpoint: Option.Option<string>
    /** PATH: where other programs are looked for. */
    readonly searchPath: string
  }
>()("crewlog/config/Settings") {}

const place = Effect.fnUntraced(function* () {
  return {
    dataFolder: yield* required("CREWLOG_DATA", ".crewlog", {
      is: Schema.NonEmptyString,
      expected: "the path of a folder",
      meaning: "The folder of everything that the program keeps itself; relative to the working directory",
    }),
    host: yield* required("CREWLOG_HOST", "127.0.0.1", {
      is: word,
      expected: "an address or a host name",
      meaning: "The address that all doors listen on, the embedded nats-server's too",
    }),
    port: yield* portAt("CREWLOG_PORT", 8100, "REST and WebSocket"),
    gatewayPort: yield* portAt("CREWLOG_GATEWAY_PORT", 9190, "The provider gateway and its admin interface"),
    metricsPort: yield* portAt("CREWLOG_METRICS_PORT", 9191, "Metrics for Prometheus"),
    roles: new Set(
      yield* required("CREWLOG_ROLES", ROLES, {
        is: listOf(oneOf(ROLES)),
        expected: `a comma-separated list of ${ROLES.join(", ")}, none of them twice`,
        meaning: "The parts of the program that this node runs",
      }),
    ),
    allowedOrigins: yield* required("CREWLOG_ALLOWED_ORIGINS", [], {
      is: listOf(origin),
      expected: "origins such as https://crew.example.org, comma-separated",
      meaning: "Origins of web pages that may open a WebSocket, beside the program's own",
    }),
  }
})

const providing = Effect.fnUntraced(function* () {
  return {
    gatewayToken: yield* redacted("CREWLOG_GATEWAY_TOKEN", {
      is: word,
      expected: "printable ASCII characters without blanks",
      meaning: "A token that many share, for the provider gateway alone",
    }),
    privateUpstreams: new Set(
      (yield* required("CREWLOG_PRIVATE_UPSTREAMS", [], {
        is: listOf(upstream),
        expected: "host:port pairs such as 10.0.0.7:8080, comma-separated",
        meaning: "Private addresses that providers may have; others are refused",
      })).map(asInUrls),
    ),
    gatewayBodyLimit: yield* count(
      "CREWLOG_GATEWAY_BODY_LIMIT",
      32 * 1024 * 1024,
      "bytes",
      "Bytes that a request to a provider may have",
    ),
    gatewayOptions: yield* gatewayOptions(),
  }
})

const secrets = Effect.fnUntraced(function* () {
  return {
    adminToken: yield* redacted("CREWLOG_ADMIN_TOKEN", {
      is: word,
      expected: "printable ASCII characters without blanks",
      meaning:
        "The first admin's first token. One that was replaced stays dead. Else a file in the data folder has it",
    }),
    encryptionKeys: yield* encryptionKeys(),
    natsIssuer: yield* redacted("CREWLOG_NATS_ISSUER", {
      is: accountSeed,
      expected: "the seed of a NATS account key: SA and 56 more characters",
      meaning:
        "The seed of the account key that answers to agents' logins are signed with (docs/runbooks/nats-accounts.md). Else a file in the data folder",
    }),
  }
})

const servers = Effect.fnUntraced(function* () {
  return {
    natsUrl: yield* redacted("NATS_URL", {
      is: natsUrls,
      expected: "nats:// or tls:// urls, comma-separated",
      meaning:
        "A NATS server of your own, or several of one cluster, comma-separated: nats://user:password@host:4222. Else one is started and stopped with the program",
    }),
    allowOpenNats:
      (yield* required("CREWLOG_ALLOW_OPEN_NATS", "no", {
        is: oneOf(["yes", "no"]),
        expected: "yes or no",
        meaning:
          "yes: a NATS server that takes logins without credentials beyond its own machine is not refused",
      })) === "yes",
    natsPort: yield* portAt(
      "CREWLOG_NATS_PORT",
      0,
      "The embedded nats-server; with 0 a free port, the same at every start on one data folder",
    ),
    databaseUrl: yield* redacted("DATABASE_URL", {
      is: urlWith("postgres", "postgresql"),
      expected: "a postgres:// url",
      meaning:
        "A PostgreSQL of your own, with a database that the user may make schemas in: postgres://user:password@host/name. Else one is started and stopped with the program",
    }),
    replicas: yield* required("CREWLOG_REPLICAS", 1, {
      is: between(1, 5),
      expected: "a whole number from 1 to 5",
      meaning:
        "Replicas of the streams that Crewlog makes: 3 on a cluster. Streams that have fewer are refused",
    }),
  }
})

const patience = Effect.fnUntraced(function* () {
  return {
    presenceTimeout: yield* time(
      "CREWLOG_PRESENCE_TIMEOUT",
      "90 seconds",
      "A member that was not seen for so long is offline",
    ),
    readWait: yield* time(
      "CREWLOG_READ_WAIT",
      "500 millis",
      "The longest that an answer waits for the read model",
    ),
    authTimeout: yield* time(
      "CREWLOG_AUTH_TIMEOUT",
      "10 seconds",
      "The longest that a socket may take to say who it is",
    ),
    pingInterval: yield* time(
      "CREWLOG_PING_INTERVAL",
      "25 seconds",
      "The time between two pings of a socket",
    ),
    pongTimeout: yield* time("CREWLOG_PONG_TIMEOUT", "10 seconds", "The longest wait for the answer to one"),
    drainTimeout: yield* time(
      "CREWLOG_DRAIN_TIMEOUT",
      "5 seconds",
      "The longest that a stop waits for requests in flight, then for attempts of reactions",
    ),
  }
})

const bounds = Effect.fnUntraced(function* () {
  return {
    rateLimit: yield* count(
      "CREWLOG_RATE_LIMIT",
      1_000,
      "requests a second",
      "Requests a second for one token",
    ),
    maxClaims: yield* count("CREWLOG_MAX_CLAIMS", 1_000, "tasks", "Tasks that one member may hold at a time"),
    dailyBytes: yield* count(
      "CREWLOG_DAILY_BYTES",
      256 * 1024 * 1024,
      "bytes",
      "Bytes that one member may add to the log in a day",
    ),
  }
})

const telling = Effect.fnUntraced(function* () {
  const level = yield* required("LOG_LEVEL", "info", {
    is: oneOf(Struct.keys(LOG_LEVELS)),
    expected: `one of ${Struct.keys(LOG_LEVELS).join(", ")}`,
    meaning: "The least important log lines that are printed",
  })
  return {
    logLevel: LOG_LEVELS[level],
    logFormat: yield* optional("LOG_FORMAT", {
      is: oneOf(["pretty", "json"]),
      expected: "pretty or json",
      meaning: "The form of log lines: pretty for people, json for programs",
      shown: "pretty on a terminal, else json",
    }),
    otlpEndpoint: yield* optional("OTEL_EXPORTER_OTLP_ENDPOINT", {
      is: urlWith("http", "https"),
      expected: "an http:// or https:// url",
      meaning: "The collector that traces are sent to; none is sent without",
    }),
    searchPath: yield* Effect.orDie(
      Config.withDefault(Config.String("PATH"), "/usr/local/bin:/usr/bin:/bin"),
    ),
  }
})

const load = Effect.fn("Settings.load")(function* () {
  return Settings.of({
    ...(yield* place()),
    ...(yield* providing()),
    ...(yield* secrets()),
    ...(yield* servers()),
    ...(yield* patience()),
    ...(yield* bounds()),
    ...(yield* telling()),
  })
})

const PREFIX = "CREWLOG"

/** Variables of programs that talk to Crewlog (docs/listen.mjs, docs/nats-agent.mjs): often there beside ours. */
const OF_CLIENTS: ReadonlyArray<string> = ["CREWLOG_URL", "CREWLOG_TOKEN", "CREWLOG_PROJECT"]

/** Variables that Kubernetes sets in every container beside a Service named `crewlog` or `crewlog-…`. */
const OF_KUBERNETES = /_SERVICE_(HOST|PORT)(_\w+)?$|_PORT_\d+_(TCP|UDP)(_(PROTO|PORT|ADDR))?$/

/** The names of what is set below a path of the provider, whose words may be apart. */
const namesBelow: (
  provider: ConfigProvider.ConfigProvider,
  path: ReadonlyArray<string>,
) => Effect.Effect<ReadonlyArray<string>> = Effect.fnUntraced(function* (provider, path) {
  const node = yield* Effect.orDie(provider.load(path))
  const own = node?.value === undefined ? [] : [path.join("_")]
  const keys = node?._tag === "Record" ? [...node.keys] : []
  const below = yield* Effect.forEach(keys, (key) => namesBelow(provider, [...path, key]))
  return [...own, ...below.flat()]
})

const settingsThatAreSet = Effect.gen(function* () {
  const provider = yield* ConfigProvider.ConfigProvider
  const root = yield* Effect.orDie(provider.load([]))
  const first = root?._tag === "Record" ? [...root.keys] : []
  const ours = first.filter((key) => key === PREFIX || key.startsWith(`${PREFIX}_`))
  return (yield* Effect.forEach(ours, (key) => namesBelow(provider, [key]))).flat()
})

/** The setting that a name was meant to be, by what comes after the prefix that all of them share. */
const meantBy = (name: string, known: ReadonlyArray<string>): string | undefined => {
  const own = known.filter((one) => one.startsWith(`${PREFIX}_`))
  const ends = own.map((one) => one.slice(PREFIX.length + 1).toLowerCase())
  const meant = nearest(name.slice(PREFIX.length + 1), ends)
  return meant === undefined ? undefined : `${PREFIX}_${meant.toUpperCase()}`
}

const refuseUnknown = Effect.fnUntraced(function* (known: ReadonlyArray<string>) {
  const taken = [...known, ...OF_CLIENTS, PREFIX]
  const isUnknown = (name: string) => !taken.includes(name) && !OF_KUBERNETES.test(name)
  const unknown = (yield* settingsThatAreSet).toSorted().find(isUnknown)
  if (unknown === undefined) return
  const meant = meantBy(unknown, known)
  return yield* new SettingUnknown({ setting: unknown, ...(meant === undefined ? {} : { meant }) })
})

/** Loads the settings, and tells of each that was looked for. */
const noted = Effect.suspend(() => {
  const described: Array<DescribedSetting> = []
  return load().pipe(
    Effect.provideService(Noted, (setting) => void described.push(setting)),
    Effect.map((settings) => ({ settings, described: described as ReadonlyArray<DescribedSetting> })),
  )
})

/** Every setting that there is, by its name. */
export const describedSettings: Effect.Effect<ReadonlyArray<DescribedSetting>> = noted.pipe(
  Effect.map(({ described }) => described.toSorted((one, other) => (one.name < other.name ? -1 : 1))),
  Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromUnknown({})),
  Effect.orDie,
)

/**
 * Reads every setting; fails with {@link SettingInvalid} at the first that can't be used, and with
 * {@link SettingUnknown} where a variable only looks like one.
 */
export const layer: Layer.Layer<Settings, SettingInvalid | SettingUnknown> = Layer.effect(
  Settings,
  Effect.gen(function* () {
    const { described, settings } = yield* noted
    yield* refuseUnknown(described.map(({ name }) => name))
    return settings
  }),
)
