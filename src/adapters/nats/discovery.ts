import type { Msg } from "@nats-io/nats-core"
import { DateTime, Effect } from "effect"
import { randomUUID } from "node:crypto"
import manifest from "../../../package.json" with { type: "json" }
import { Nats } from "./Connection.ts"
import type { Endpoint } from "./Endpoint.ts"

const NAME = "crewlog"

const statsOf = ({ errors, lastError, name, processingTime, queue_group, requests, subject }: Endpoint) => ({
  name,
  subject,
  queue_group,
  num_requests: requests,
  num_errors: errors,
  last_error: lastError,
  processing_time: processingTime,
  average_processing_time: requests === 0 ? 0 : Math.round(processingTime / requests),
})

const infoOf = ({ metadata, name, queue_group, subject }: Endpoint) => ({
  name,
  subject,
  queue_group,
  metadata,
})

/** Answers the discovery protocol of NATS services (ADR-32, `$SRV.PING|INFO|STATS`) until the scope ends. */
export const discovery = Effect.fn("nats.discovery")(function* (endpoints: ReadonlySet<Endpoint>) {
  const { connection } = yield* Nats
  const started = DateTime.formatIso(yield* DateTime.now)
  const id = randomUUID()
  const own = { name: NAME, id, version: manifest.version, metadata: {} }
  const verbs: Record<string, () => object> = {
    PING: () => ({ type: "io.nats.micro.v1.ping_response", ...own }),
    INFO: () => ({
      type: "io.nats.micro.v1.info_response",
      ...own,
      description: manifest.description,
      endpoints: [...endpoints].map(infoOf),
    }),
    STATS: () => ({
      type: "io.nats.micro.v1.stats_response",
      ...own,
      started,
      endpoints: [...endpoints].map(statsOf),
    }),
  }
  const answer = (make: () => object) => (error: Error | null, message: Msg) => {
    if (error === null) message.respond(JSON.stringify(make()))
  }
  const subscribe = () =>
    Object.entries(verbs).flatMap(([verb, make]) =>
      [`$SRV.${verb}`, `$SRV.${verb}.${NAME}`, `$SRV.${verb}.${NAME}.${id}`].map((subject) =>
        connection.subscribe(subject, { callback: answer(make) }),
      ),
    )
  yield* Effect.acquireRelease(Effect.sync(subscribe), (subscriptions) =>
    Effect.sync(() => {
      for (const subscription of subscriptions) subscription.unsubscribe()
    }),
  )
})
