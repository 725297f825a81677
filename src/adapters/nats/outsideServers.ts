import { connect } from "@nats-io/transport-node"
import { Effect, Option, Schema } from "effect"
import { type NatsTarget, open } from "./Connection.ts"

/** A NATS server that somebody else runs is not safe to keep the log on. */
class ServerUnsafe extends Schema.TaggedError<ServerUnsafe>()("ServerUnsafe", { message: Schema.String }) {}

const RUNBOOK = "docs/runbooks/nats-accounts.md"
/** Milliseconds in which a server that is there answers. */
const ANSWER_WITHIN = 2_000

const isLoopback = (host: string): boolean =>
  host === "localhost" || host === "::1" || host.startsWith("127.")

/** The address that a server listens on, if it lets in a stranger; undefined for one that does not, or is not there. */
const openAt = (url: string): Effect.Effect<string | undefined> =>
  Effect.tryPromise(async () => {
    const connection = await connect({
      servers: url,
      ...(url.startsWith("tls:") ? { tls: {} } : {}),
      name: "crewlog-stranger",
      reconnect: false,
      timeout: ANSWER_WITHIN,
    })
    const host = connection.info?.host
    await connection.close()
    return host
  }).pipe(Effect.orElseSucceed(() => undefined))

/** Refuses servers that take logins without credentials from beyond their own machine, unless that is wanted. */
const checkLogins = Effect.fnUntraced(function* (target: NatsTarget, isAllowed: boolean) {
  for (const url of target.url.split(",")) {
    const host = yield* openAt(url)
    if (host === undefined || isLoopback(host)) continue
    const said = `the NATS server at ${url} listens on ${host} and takes logins without credentials: anybody who reaches it can write to the log`
    if (!isAllowed)
      return yield* new ServerUnsafe({
        message: `${said}. Give it accounts (${RUNBOOK}), or set CREWLOG_ALLOW_OPEN_NATS=yes.`,
      })
    yield* Effect.logWarning(`${said} (CREWLOG_ALLOW_OPEN_NATS)`)
  }
})

/** `$SYS.REQ.SERVER.PING.JSZ`, where the log's account has it imported: every server answers. */
const SERVERS = "crew.sys.jsz"
const ANSWERS_WITHIN = { strategy: "stall", stall: 300, maxWait: 1_500 } as const

const Answer = Schema.fromJsonString(
  Schema.Struct({
    server: Schema.Struct({ name: Schema.String }),
    data: Schema.Struct({
      config: Schema.optionalKey(Schema.Struct({ sync_always: Schema.optionalKey(Schema.Boolean) })),
    }),
  }),
)
const decode = Schema.decodeUnknownOption(Answer)

/** The servers that do not write through to the disk; undefined where nobody may ask them. */
const lazyServers = Effect.fnUntraced(function* (target: NatsTarget) {
  const { connection } = yield* open(target, "crewlog-setup")
  return yield* Effect.tryPromise(async () => {
    const lazy: Array<string> = []
    let isTold = false
    for await (const message of await connection.requestMany(SERVERS, "", ANSWERS_WITHIN)) {
      const answer = Option.getOrUndefined(decode(message.string()))
      if (answer?.data.config === undefined) continue
      isTold = true
      if (answer.data.config.sync_always !== true) lazy.push(answer.server.name)
    }
    return isTold ? lazy : undefined
  }).pipe(Effect.orElseSucceed(() => undefined))
}, Effect.scoped)

/** With one replica a power cut takes what a server acknowledged and did not write through. */
const checkDisks = Effect.fnUntraced(function* (target: NatsTarget, replicas: number) {
  const lazy = yield* lazyServers(target)
  if (lazy === undefined)
    return yield* Effect.logInfo(
      `the NATS server does not say whether it writes through to its disk (sync_interval): ${RUNBOOK}`,
    )
  if (lazy.length === 0) return
  const said = `${lazy.join(", ")} does not write through to its disk`
  if (replicas > 1) return yield* Effect.logInfo(`${said}: the other replicas are what survives a power cut`)
  return yield* new ServerUnsafe({
    message: `${said}, and there is one replica: a power cut would take records that were accepted. Set sync_interval: always (${RUNBOOK}).`,
  })
})

/** Checks what Crewlog's own nats-server has by its configuration. */
export const checkOutsideServers = Effect.fn("nats.checkOutsideServers")(function* (
  target: NatsTarget,
  { allowOpenNats, replicas }: { readonly allowOpenNats: boolean; readonly replicas: number },
) {
  yield* checkLogins(target, allowOpenNats)
  yield* checkDisks(target, replicas)
})
