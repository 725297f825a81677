import { Context } from "effect"

/** The W3C trace context that a record carries on, as a `traceparent` header. */
export const TraceParent = Context.Reference<string | undefined>("crewlog/domain/TraceParent", {
  defaultValue: () => undefined,
})
