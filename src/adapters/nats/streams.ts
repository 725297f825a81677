import {
  DiscardPolicy,
  type JetStreamManager,
  PersistMode,
  RetentionPolicy,
  StorageType,
  StoreCompression,
  type StreamConfig,
} from "@nats-io/jetstream"
import { nanos } from "@nats-io/nats-core"
import { Effect, Schema } from "effect"
import { open, type NatsTarget } from "./Connection.ts"

export const LOG_STREAM = "CREW"
export const SIGNALS_STREAM = "CREW_SIGNALS"
export const SECRETS_BUCKET = "crew_secrets"
/** The stream that NATS keeps the bucket in. */
export const SECRETS_STREAM = `KV_${SECRETS_BUCKET}`
const OLDEST_SERVER = [2, 12] as const

/** nats-server or a stream is not what Crewlog needs (architecture.md section 1). */
class StreamsUnfit extends Schema.TaggedError<StreamsUnfit>()("StreamsUnfit", {
  message: Schema.String,
}) {}

const LOG: Partial<StreamConfig> = {
  name: LOG_STREAM,
  subjects: ["crew.evt.>"],
  storage: StorageType.File,
  retention: RetentionPolicy.Limits,
  discard: DiscardPolicy.New,
  max_msgs: -1,
  max_bytes: -1,
  max_age: 0,
  max_msgs_per_subject: -1,
  max_msg_size: 256 * 1024,
  deny_delete: true,
  deny_purge: true,
  allow_direct: true,
  allow_atomic: true,
  compression: StoreCompression.S2,
  duplicate_window: nanos(2 * 60_000),
}

/** A replicated stream can't be written asynchronously; nats-server refuses it. */
const signals = (replicas: number): Partial<StreamConfig> => ({
  name: SIGNALS_STREAM,
  subjects: ["crew.sig.>"],
  storage: StorageType.File,
  retention: RetentionPolicy.Limits,
  discard: DiscardPolicy.Old,
  max_age: nanos(7 * 24 * 3_600_000),
  allow_direct: true,
  ...(replicas === 1 ? { persist_mode: PersistMode.Async } : {}),
})

/**
 * A KV bucket. nats-server overwrites on the disk only what it is told to delete by its sequence, not what newer
 * revisions push out: so there is room for those that wait to be erased.
 */
const SECRETS: Partial<StreamConfig> = {
  name: SECRETS_STREAM,
  subjects: [`$KV.${SECRETS_BUCKET}.>`],
  storage: StorageType.File,
  retention: RetentionPolicy.Limits,
  discard: DiscardPolicy.New,
  max_msgs: -1,
  max_bytes: -1,
  max_age: 0,
  max_msgs_per_subject: 8,
  deny_delete: false,
  deny_purge: true,
  allow_direct: true,
}

/**
 * Makes the streams that are missing and compares those that are there, setting by setting, with what
 * they must be. A stream may have more replicas than `replicas`, but not fewer.
 */
export const prepareStreams = Effect.fn("nats.prepareStreams")(function* (setup: NatsTarget, replicas = 1) {
  const { connection, jsm } = yield* open(setup, "crewlog-setup")
  const version = connection.info?.version ?? "0"
  const [major = 0, minor = 0] = version.split(".").map(Number)
  if (major < OLDEST_SERVER[0] || (major === OLDEST_SERVER[0] && minor < OLDEST_SERVER[1])) {
    return yield* new StreamsUnfit({
      message: `nats-server ${version} is too old: Crewlog needs ${OLDEST_SERVER.join(".")} or newer`,
    })
  }
  yield* prepare(jsm, LOG_STREAM, () => LOG, replicas)
  yield* prepare(jsm, SIGNALS_STREAM, signals, replicas)
  yield* prepare(jsm, SECRETS_STREAM, () => SECRETS, replicas)
}, Effect.scoped)

const prepare = Effect.fnUntraced(function* (
  jsm: JetStreamManager,
  name: string,
  wanted: (replicas: number) => Partial<StreamConfig>,
  replicas: number,
) {
  const found = yield* call(name, () =>
    jsm.streams.info(name).catch((error: unknown) => {
      if (isMissing(error)) return undefined
      throw error
    }),
  )
  if (found === undefined) {
    yield* call(name, () =>
      jsm.streams.add({ ...wanted(replicas), num_replicas: replicas } as StreamConfig & { name: string }),
    )
    return
  }
  const differences = Object.entries(wanted(found.config.num_replicas)).flatMap(([key, want]) => {
    const is = (found.config as unknown as Record<string, unknown>)[key]
    return JSON.stringify(is ?? unset(want)) === JSON.stringify(want)
      ? []
      : [`${key} is ${JSON.stringify(is)}, should be ${JSON.stringify(want)}`]
  })
  if (found.config.num_replicas < replicas) {
    return yield* new StreamsUnfit({
      message: `stream ${name} has ${found.config.num_replicas} of the ${replicas} replicas that CREWLOG_REPLICAS says. Make them with \`nats stream edit ${name} --replicas ${replicas}\`, or change the setting.`,
    })
  }
  if (differences.length > 0) {
    return yield* new StreamsUnfit({
      message: `stream ${name} is not as it must be: ${differences.join("; ")}. Mend it with \`nats stream edit\`, or use another server.`,
    })
  }
})

/** The server leaves out what is false, 0 or empty. */
const unset = (want: unknown) =>
  typeof want === "boolean" ? false : typeof want === "number" ? 0 : undefined

const isMissing = (error: unknown) => error instanceof Error && "code" in error && error.code === 10059

const call = <Value>(stream: string, run: () => Promise<Value>) =>
  Effect.tryPromise({
    try: run,
    catch: (cause) => new StreamsUnfit({ message: `stream ${stream} can't be prepared: ${String(cause)}` }),
  })
