import { Context, Effect, Layer } from "effect"
import type { IncomingMessage, ServerResponse } from "node:http"
import { Settings } from "../../../config.ts"
import { MethodNotAllowed, RouteNotFound } from "../../../operations/EdgeRefusal.ts"
import { type Failure, refusalOf } from "../../../operations/refusals.ts"
import { Metrics } from "../../telemetry/Metrics.ts"
import { type Door, openDoor } from "../Door.ts"
import { PROBLEM, problemText } from "../problems.ts"
import { PROMETHEUS } from "./open.ts"

const CONNECTIONS = 100

const refuse = (response: ServerResponse, failure: Failure, headers: Record<string, string> = {}) => {
  const refusal = refusalOf(failure)
  response.writeHead(refusal.status, { "content-type": PROBLEM, ...headers }).end(problemText(refusal))
}

/** `/metrics` on a port of its own: for who may see how much is going on, and nothing else. */
export class MetricsServer extends Context.Service<MetricsServer, Door>()(
  "crewlog/adapters/http/gateway/MetricsServer",
) {
  static readonly layer = Layer.effect(
    MetricsServer,
    Effect.gen(function* () {
      const { drainTimeout, host, metricsPort } = yield* Settings
      const metrics = yield* Metrics
      const answer = ({ method, url = "" }: IncomingMessage, response: ServerResponse) => {
        if (url.split("?", 1)[0] !== "/metrics") return refuse(response, new RouteNotFound())
        if (method !== "GET" && method !== "HEAD") {
          return refuse(response, new MethodNotAllowed({ allow: ["GET"] }), { allow: "GET" })
        }
        response
          .writeHead(200, { "content-type": PROMETHEUS, "cache-control": "no-store" })
          .end(metrics.text())
      }
      return yield* openDoor({
        host,
        port: metricsPort,
        setting: "CREWLOG_METRICS_PORT",
        connections: CONNECTIONS,
        answer,
        drainTimeout,
      })
    }),
  )
}
