import { Clock, Effect } from "effect"
import { HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import manifest from "../../../../package.json" with { type: "json" }
import { Metrics } from "../../telemetry/Metrics.ts"
import { GatewayApi } from "./GatewayApi.ts"

/** The content type that Prometheus asks for. */
export const PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"

/** Routes that need no token: that the gateway lives, and its metrics, as on their own port. */
export const OpenHandlers = HttpApiBuilder.group(
  GatewayApi,
  "open",
  Effect.fnUntraced(function* (handlers) {
    const metrics = yield* Metrics
    const started = yield* Clock.currentTimeMillis

    return handlers.handleAll({
      health: () =>
        Effect.map(Clock.currentTimeMillis, (now) =>
          HttpServerResponse.jsonUnsafe({
            status: "ok",
            version: manifest.version,
            uptime_seconds: Math.max(0, now - started) / 1000,
          }),
        ),
      metrics: () => Effect.sync(() => HttpServerResponse.text(metrics.text(), { contentType: PROMETHEUS })),
    })
  }),
)
