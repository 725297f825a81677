import { Effect } from "effect"
import { HttpServerResponse } from "effect/http"
import type { HttpApiSchemaError } from "effect/http-api/HttpApiError"
import { Unexpected } from "../../operations/EdgeRefusal.ts"
import { badParameter, unfitBody } from "../../operations/faults.ts"
import type { Projected } from "../../projections/Projected.ts"
import { type Failure, type Refusal, refusalOf } from "../../operations/refusals.ts"

export const PROBLEM = "application/problem+json"

/** RFC 9457: the fields to act on stand beside the standard ones. */
export const problemText = ({ code, detail, more, status, title }: Refusal): string =>
  JSON.stringify({ type: `urn:crewlog:problem:${code}`, title, status, detail, code, ...more })

const extraHeaders = (failure: Failure, { retryAfter }: Refusal): Record<string, string> => ({
  ...(retryAfter === undefined ? {} : { "retry-after": String(retryAfter) }),
  ...(failure._tag === "NotAuthenticated"
    ? {
        "www-authenticate": failure.sent
          ? 'Bearer realm="crewlog", error="invalid_token"'
          : 'Bearer realm="crewlog"',
      }
    : {}),
  ...(failure._tag === "MethodNotAllowed" ? { allow: failure.allow.join(", ") } : {}),
})

/** The answer that refuses a request. */
export const problem = (failure: Failure, headers: Record<string, string> = {}) => {
  const refusal = refusalOf(failure)
  return HttpServerResponse.text(problemText(refusal), {
    status: refusal.status,
    contentType: PROBLEM,
    headers: { ...extraHeaders(failure, refusal), ...headers },
  })
}

/** The same with the position that this node knows, and what an operator must see in the log. */
export const refuseAt = (projected: Projected["Service"]) =>
  Effect.fnUntraced(function* (failure: Failure) {
    if (failure._tag === "LogDamaged") yield* Effect.logError("the log is damaged", failure)
    return problem(failure, { "crewlog-seq": String(yield* projected.current) })
  })

/** The refusal of input that does not fit its schema: the request's path, query or body; our own answer is a defect. */
export const misfit = (error: HttpApiSchemaError): Failure => {
  switch (error.kind) {
    case "Params":
    case "Query":
    case "Headers":
      return badParameter(error.cause.issue)
    case "Payload":
      return unfitBody(error.cause.issue)
    default:
      return new Unexpected()
  }
}
