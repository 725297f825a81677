import { jetstream, type JetStreamClient, jetstreamManager, type JetStreamManager } from "@nats-io/jetstream"
import { connect, type NatsConnection } from "@nats-io/transport-node"
import { Context, Deferred, Effect, Layer, Schema } from "effect"

/** nats-server can't be reached at all, or does not let us in. */
class NatsUnreachable extends Schema.TaggedError<NatsUnreachable>()("NatsUnreachable", {
  message: Schema.String,
  cause: Schema.Defect(),
}) {}

/** Milliseconds in which a server that is there answers: a leader that died with its server never does. */
const ANSWER_WITHIN = 1_500

export interface NatsTarget {
  readonly url: string
  readonly user?: string | undefined
  readonly pass?: string | undefined
}

/**
 * A connection that mends itself for ever. `onLost` tells, until it is undone, when the link breaks, so that
 * whoever waits for an answer knows at once that it will not come; `up` waits until there is a link.
 */
export class Nats extends Context.Service<
  Nats,
  {
    readonly connection: NatsConnection
    readonly js: JetStreamClient
    readonly jsm: JetStreamManager
    readonly isUp: () => boolean
    readonly onLost: (listener: () => void) => () => void
    readonly up: Effect.Effect<void>
  }
>()("crewlog/adapters/nats/Nats") {
  static readonly layer = (target: NatsTarget, name = "crewlog") => Layer.effect(Nats, open(target, name))
}

export const open = Effect.fn("Nats.open")(function* (target: NatsTarget, name: string) {
  const connection = yield* Effect.acquireRelease(
    Effect.tryPromise({
      try: () =>
        connect({
          servers: target.url.split(",").map((one) => one.trim()),
          ...(target.url.startsWith("tls:") ? { tls: {} } : {}),
          ...(target.user === undefined ? {} : { user: target.user }),
          ...(target.pass === undefined ? {} : { pass: target.pass }),
          name,
          maxReconnectAttempts: -1,
          reconnectTimeWait: 50,
          reconnectJitter: 50,
          pingInterval: 2_000,
          maxPingOut: 2,
          timeout: 5_000,
          // Else each request captures two stack traces, for errors that hardly any of them will have.
          noAsyncTraces: true,
          // What this node publishes it knows: to hear it again would wake the program once more for each commit.
          noEcho: true,
        }),
      catch: (cause) =>
        new NatsUnreachable({
          message: `no NATS server answers at ${withoutCredentials(target.url)}: ${String(cause)}. Check NATS_URL.`,
          cause,
        }),
    }),
    (open) => Effect.promise(() => open.close()),
  )

  let isUp = true
  const listeners = new Set<() => void>()
  let up = Deferred.makeUnsafe<void>()
  Deferred.doneUnsafe(up, Effect.void)

  const watch = async () => {
    for await (const { type } of connection.status()) {
      if (type === "disconnect") {
        isUp = false
        for (const listener of listeners) listener()
        up = Deferred.makeUnsafe<void>()
      }
      if (type === "reconnect") {
        isUp = true
        Deferred.doneUnsafe(up, Effect.void)
      }
    }
  }
  yield* Effect.forkScoped(Effect.promise(watch))

  return Nats.of({
    connection,
    js: jetstream(connection),
    jsm: yield* Effect.tryPromise({
      try: () => jetstreamManager(connection, { checkAPI: false, timeout: ANSWER_WITHIN }),
      catch: (cause) =>
        new NatsUnreachable({ message: `JetStream does not answer: ${String(cause)}`, cause }),
    }),
    isUp: () => isUp,
    onLost: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    up: Effect.suspend(() => Deferred.await(up)),
  })
})

const withoutCredentials = (url: string) => url.replaceAll(/\/\/[^@/]*@/g, "//")
