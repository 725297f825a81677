import { Effect, Layer, Option, References } from "effect"
import { FetchHttpClient } from "effect/http"
import { OtlpSerialization, OtlpTracer } from "effect/observability"
import { Settings } from "../../config.ts"
import * as OpenTelemetryTracer from "./OpenTelemetryTracer.ts"

/**
 * Spans go to OTEL_EXPORTER_OTLP_ENDPOINT if that is set, else to OpenTelemetry's API. Where nobody takes
 * them there are none: what a client says of its own trace is passed on all the same.
 */
export const layer = Layer.unwrap(
  Effect.map(Settings, ({ otlpEndpoint }) =>
    Option.match(otlpEndpoint, {
      onNone: () =>
        OpenTelemetryTracer.isLoaded()
          ? OpenTelemetryTracer.layer
          : Layer.succeed(References.TracerEnabled, false),
      onSome: (endpoint) =>
        OtlpTracer.layer({
          url: `${endpoint.replace(/\/$/, "")}/v1/traces`,
          resource: { serviceName: "crewlog" },
        }).pipe(Layer.provide([OtlpSerialization.layerJson, FetchHttpClient.layer])),
    }),
  ),
)
