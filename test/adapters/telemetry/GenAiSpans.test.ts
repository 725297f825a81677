import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { text } from "node:stream/consumers"
import { GenAiSpans } from "../../../src/adapters/telemetry/GenAiSpans.ts"
import * as Tracing from "../../../src/adapters/telemetry/Tracing.ts"
import { Backend, type BackendEvent, type KnownBackend } from "../../../src/domain/Backend.ts"
import { registration } from "../../domain/backends.ts"
import { usageOf } from "../../support/usage.ts"
import { settingsWith } from "../http/door.ts"
import { fleetOf } from "../llm/metering/metering.ts"

interface OtlpSpan {
  readonly traceId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly kind: number
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly status: { readonly code: number }
  readonly attributes: ReadonlyArray<{ readonly key: string; readonly value: Record<string, unknown> }>
}

/** The spans that an OpenTelemetry collector would be sent. */
const collector = Effect.gen(function* () {
  const spans: Array<OtlpSpan> = []
  const server = createServer(async (request, response) => {
    const { resourceSpans } = JSON.parse(await text(request)) as {
      resourceSpans: ReadonlyArray<{ scopeSpans: ReadonlyArray<{ spans: ReadonlyArray<OtlpSpan> }> }>
    }
    for (const { scopeSpans } of resourceSpans) for (const one of scopeSpans) spans.push(...one.spans)
    response.writeHead(200, { "content-type": "application/json" }).end("{}")
  })
  yield* Effect.acquireRelease(
    Effect.promise(() => new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening))),
    () => Effect.promise(() => new Promise((closed) => server.close(closed))),
  )
  return { spans, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
})

const backend = () => {
  const event = { _tag: "BackendRegistered", v: 1, ...registration } as BackendEvent
  const known = Backend.evolve(Backend.initial, event, { seq: 1, at: "2026-03-01T10:00:00.000Z" })
  return { ...(known as KnownBackend), api_base_url: "https://api.example.org:8443/v1" }
}

const spansLayer = (env: Record<string, string>) =>
  GenAiSpans.layer.pipe(
    Layer.provide([
      Tracing.layer.pipe(Layer.provide(settingsWith(env))),
      settingsWith(env),
      fleetOf({ backends: new Map([[registration.id, backend()]]) }),
    ]),
  )

const attributes = ({ attributes }: OtlpSpan) =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]))

describe("spans of requests", () => {
  it.live(
    "spans of requests have the names of the conventions, and the request's trace as their parent",
    () =>
      Effect.gen(function* () {
        const { spans, url } = yield* collector
        yield* Effect.gen(function* () {
          const { record } = yield* GenAiSpans
          record?.(
            usageOf({ backend: registration.id, latency_ms: 1_500 }),
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
          )
          record?.(
            usageOf({
              route: "embeddings",
              outcome: "error",
              error: "timeout",
              backend: null,
              total_tokens: 0,
            }),
          )
          record?.(usageOf(), "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00")
        }).pipe(Effect.provide(spansLayer({ OTEL_EXPORTER_OTLP_ENDPOINT: url })))
        assert.lengthOf(spans, 2)
        const [served, failed] = spans as [OtlpSpan, OtlpSpan]
        assert.deepInclude(served, {
          name: "chat gpt-5",
          traceId: "0af7651916cd43dd8448eb211c80319c",
          parentSpanId: "b7ad6b7169203331",
          startTimeUnixNano: String(BigInt(Date.parse("2026-03-01T10:29:58.500Z")) * 1_000_000n),
          endTimeUnixNano: String(BigInt(Date.parse("2026-03-01T10:30:00.000Z")) * 1_000_000n),
          kind: 3,
        })
        const {
          "gen_ai.usage.input_tokens": input,
          "gen_ai.usage.output_tokens": output,
          ...said
        } = attributes(served)
        assert.deepStrictEqual([Number(input), Number(output)], [100, 50])
        assert.deepInclude(said, {
          "gen_ai.operation.name": "chat",
          "gen_ai.provider.name": "openai",
          "gen_ai.request.model": "gpt-5",
          "server.address": "api.example.org",
        })
        assert.strictEqual(Number(said["server.port"]), 8443)
        assert.notProperty(said, "error.type")
        assert.strictEqual(failed.name, "embeddings gpt-5")
        assert.strictEqual(failed.status.code, 2)
        assert.deepInclude(attributes(failed), {
          "error.type": "timeout",
          "gen_ai.operation.name": "embeddings",
        })
        assert.notProperty(attributes(failed), "server.address")
      }).pipe(Effect.scoped),
  )

  it.live("spans of requests are none when nobody traces", () =>
    Effect.gen(function* () {
      assert.isUndefined((yield* GenAiSpans).record)
    }).pipe(Effect.provide(spansLayer({}))),
  )
})
