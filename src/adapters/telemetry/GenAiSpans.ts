import { Context, Effect, Exit, Layer, Option, Tracer } from "effect"
import { Settings } from "../../config.ts"
import type { KnownBackend } from "../../domain/Backend.ts"
import type { UsageRecord } from "../../domain/Usage.ts"
import { Fleet } from "../../projections/Fleet.ts"
import { isLoaded } from "./OpenTelemetryTracer.ts"

const TRACE = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/

/**
 * The client spans of proxied requests, one for each, under the names of OpenTelemetry's conventions for
 * generative AI, made when it has ended: a program that nobody traces pays nothing for it.
 */
export class GenAiSpans extends Context.Service<
  GenAiSpans,
  {
    /**
     * Makes the span of a request; undefined when nobody traces. `traceparent` comes from the request and is
     * the span's parent.
     */
    readonly record: ((used: UsageRecord, traceparent?: string) => void) | undefined
  }
>()("crewlog/adapters/telemetry/GenAiSpans") {
  static readonly layer = Layer.effect(
    GenAiSpans,
    Effect.gen(function* () {
      const { otlpEndpoint } = yield* Settings
      const { backends } = yield* Fleet
      const tracer = yield* Effect.tracer
      if (Option.isNone(otlpEndpoint) && !isLoaded()) return GenAiSpans.of({ record: undefined })
      return GenAiSpans.of({
        record: (used, traceparent) => {
          const { at, error, latency_ms, outcome } = used
          const parent = parentOf(traceparent)
          const ended = BigInt(Date.parse(at)) * 1_000_000n
          const span = tracer.span({
            name: `${operationOf(used)} ${used.model}`,
            parent,
            annotations: Context.empty(),
            links: [],
            startTime: ended - BigInt(Math.round(latency_ms * 1e6)),
            kind: "client",
            root: Option.isNone(parent),
            sampled: Option.isNone(parent) || parent.value.sampled,
          })
          const backend = used.backend === null ? undefined : backends().get(used.backend)
          for (const [name, value] of attributesOf(used, backend)) {
            if (value !== undefined && value !== null) span.attribute(name, value)
          }
          const isFailure = outcome === "error" || outcome === "refused"
          span.end(ended, isFailure ? Exit.fail(error ?? outcome) : Exit.void)
        },
      })
    }),
  )
}

const parentOf = (traceparent: string | undefined): Option.Option<Tracer.ExternalSpan> => {
  const [, traceId, spanId, flags] = TRACE.exec(traceparent ?? "") ?? []
  if (traceId === undefined || spanId === undefined || flags === undefined) return Option.none()
  const sampled = (Number.parseInt(flags, 16) & 1) === 1
  return Option.some(Tracer.externalSpan({ traceId, spanId, sampled }))
}

const operationOf = ({ route }: UsageRecord) => {
  if (route === "embeddings") return "embeddings"
  return route === "completions" ? "text_completion" : "chat"
}

const attributesOf = (
  used: UsageRecord,
  backend: KnownBackend | undefined,
): ReadonlyArray<readonly [string, unknown]> => {
  const url = backend === undefined ? undefined : (URL.parse(backend.api_base_url) ?? undefined)
  const hasTokens = used.total_tokens > 0
  return [
    ["gen_ai.operation.name", operationOf(used)],
    ["gen_ai.provider.name", backend?.api === "anthropic-messages" ? "anthropic" : "openai"],
    ["gen_ai.request.model", used.model],
    ["gen_ai.response.model", backend?.model_mappings[used.model]?.native_id],
    ["gen_ai.usage.input_tokens", hasTokens ? used.prompt_tokens : undefined],
    ["gen_ai.usage.output_tokens", hasTokens ? used.completion_tokens : undefined],
    ["server.address", url?.hostname],
    ["server.port", url === undefined ? undefined : portOf(url)],
    ["error.type", used.outcome === "ok" ? undefined : (used.error ?? used.outcome)],
    ["crewlog.request.id", used.id],
    ["crewlog.backend", used.backend],
    ["crewlog.attempts", used.failures.length + (used.backend === null ? 0 : 1)],
    ["crewlog.cost_usd", used.cost_usd],
    ["crewlog.price_source", used.price_source],
    ["crewlog.member", used.member],
    ["crewlog.task", used.task],
  ]
}

const portOf = ({ port, protocol }: URL) => (port === "" ? (protocol === "http:" ? 80 : 443) : Number(port))
