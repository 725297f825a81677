import { Effect, SchemaIssue } from "effect"
import { HttpServerResponse } from "effect/http"
import type { HttpApiSchemaError } from "effect/http-api/HttpApiError"
import { BadParameter, type Fault, InvalidInput, Unexpected } from "../EdgeRefusal.ts"
import type { Projected } from "../../projections/Projected.ts"
import { type Failure, type Refusal, refusalOf } from "../refusals.ts"

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

const issuesOf = SchemaIssue.makeFormatterStandardSchemaV1()
const segment = (part: PropertyKey | { readonly key: PropertyKey }) =>
  String(typeof part === "object" ? part.key : part)

/** How many faults are told; the rest shows when these are mended. */
const FAULTS = 20

/** What a schema says against a value, each fault under the field it stands in; never the value itself. */
export const faultsIn = (issue: SchemaIssue.Issue): readonly [Fault, ...ReadonlyArray<Fault>] => {
  const issues = issuesOf(issue).issues.slice(0, FAULTS)
  const [first, ...rest] = issues.map(({ message, path }) => ({
    field: (path ?? []).map(segment).join(".") || "body",
    message: message.length > 300 ? `${message.slice(0, 300)} ...` : message,
  }))
  return [first ?? { field: "body", message: "can't be read" }, ...rest]
}

const faultsOf = (error: HttpApiSchemaError) => faultsIn(error.cause.issue)

/** What did not fit its schema: the request's path, query or body; our own answer is a defect. */
export const misfit = (error: HttpApiSchemaError): BadParameter | InvalidInput | Unexpected => {
  switch (error.kind) {
    case "Params":
    case "Query":
    case "Headers":
      return new BadParameter({ errors: faultsOf(error) })
    case "Payload":
      return new InvalidInput({ errors: faultsOf(error) })
    default:
      return new Unexpected()
  }
}
