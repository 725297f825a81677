import { Effect, Layer, Redacted } from "effect"
import { type NatsTarget, Nats } from "../../src/adapters/nats/Connection.ts"
import { layer as NatsEventLog } from "../../src/adapters/nats/EventLog.ts"
import { prepareStreams } from "../../src/adapters/nats/streams.ts"
import type { NatsAccess } from "../../src/adapters/runtime/EmbeddedNats.ts"
import { freshNats } from "./servers.ts"

/** The log on a server, its streams made; `through` may lead over a proxy. */
export const logOn = (access: NatsAccess, through?: (target: NatsTarget) => NatsTarget) => {
  const target = Redacted.value(access.backend)
  return NatsEventLog.pipe(
    Layer.provideMerge(Nats.layer(through === undefined ? target : through(target))),
    Layer.provide(Layer.effectDiscard(prepareStreams(Redacted.value(access.setup)))),
  )
}

/** A log of its own on the shared nats-server. */
export const FreshLog = Layer.unwrap(Effect.map(freshNats, (access) => logOn(access)))
