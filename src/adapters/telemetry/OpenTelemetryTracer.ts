import {
  type Attributes,
  context,
  isValidTraceId,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
} from "@opentelemetry/api"
import { Cause, Exit, Layer, Option, Tracer } from "effect"

const INSTRUMENT = trace.getTracer("crewlog")

/** Answers whether an SDK is there that takes spans. The span that finds it out is never ended, so never told. */
export const isLoaded = (): boolean => isValidTraceId(INSTRUMENT.startSpan("probe").spanContext().traceId)

const kinds: Record<Tracer.SpanKind, SpanKind> = {
  internal: SpanKind.INTERNAL,
  client: SpanKind.CLIENT,
  server: SpanKind.SERVER,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
}

/**
 * Effect's spans through OpenTelemetry's API: whatever SDK the operator loads beside Crewlog (`node
 * --import`) sees them. Without one they are Effect's own, so that requests still carry a trace.
 */
const tracer = Tracer.make({
  span(options) {
    const { kind, name, parent, root, startTime, ...span } = options
    const above = Option.getOrUndefined(parent)
    const started = INSTRUMENT.startSpan(
      name,
      { kind: kinds[kind], root, startTime: hrTime(startTime) },
      above === undefined
        ? context.active()
        : trace.setSpanContext(context.active(), {
            traceId: above.traceId,
            spanId: above.spanId,
            traceFlags: above.sampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
            isRemote: above._tag === "ExternalSpan",
          }),
    )
    const { spanId, traceId } = started.spanContext()
    if (!isValidTraceId(traceId)) return new Tracer.NativeSpan(options)
    const attributes = new Map<string, unknown>()
    let status: Tracer.SpanStatus = { _tag: "Started", startTime }
    return {
      _tag: "Span",
      ...span,
      kind,
      name,
      parent,
      attributes,
      traceId,
      spanId,
      get status() {
        return status
      },
      attribute(key, value) {
        attributes.set(key, value)
        started.setAttributes({ [key]: value } as Attributes)
      },
      event: (event, at, more) => void started.addEvent(event, more as Attributes, hrTime(at)),
      addLinks: (links) =>
        void started.addLinks(
          links.map((link) => ({
            context: { traceId: link.span.traceId, spanId: link.span.spanId, traceFlags: TraceFlags.SAMPLED },
            attributes: link.attributes as Attributes,
          })),
        ),
      end(endTime, exit) {
        status = { _tag: "Ended", startTime, endTime, exit }
        if (Exit.isFailure(exit)) {
          started.setStatus({ code: SpanStatusCode.ERROR, message: Cause.pretty(exit.cause) })
        }
        started.end(hrTime(endTime))
      },
    }
  },
})

const hrTime = (nanoseconds: bigint): [number, number] => [
  Number(nanoseconds / 1_000_000_000n),
  Number(nanoseconds % 1_000_000_000n),
]

export const layer = Layer.succeed(Tracer.Tracer, tracer)
