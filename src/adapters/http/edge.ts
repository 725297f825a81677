import { Cause, Context, Effect, Option, Tracer } from "effect"
import { HttpServerError, HttpServerRequest, HttpServerResponse } from "effect/http"
import { randomUUID } from "node:crypto"
import { TraceParent } from "../../domain/TraceParent.ts"
import { requestIdOf, traceOf } from "../../operations/Asked.ts"
import {
  BadParameter,
  MethodNotAllowed,
  NotHttp,
  RouteNotFound,
  Unexpected,
} from "../../operations/EdgeRefusal.ts"
import { problem } from "./problems.ts"
import { RequestId } from "./RequestId.ts"

type Response = HttpServerResponse.HttpServerResponse
type Request = HttpServerRequest.HttpServerRequest

/** On every answer; nothing here is to be framed, guessed at, kept or run. A page brings its own policy. */
const safe = {
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}

const patternOf = (path: string) =>
  new RegExp(`^${path.replace(/\/$/, "").replaceAll(/:[a-z_]+/g, "[^/]+")}/?$`)

interface Route {
  readonly pattern: RegExp
  readonly method: string
}
type Routes = ReadonlyArray<Route>

interface Interface {
  readonly groups: Readonly<
    Record<string, { readonly endpoints: Readonly<Record<string, Record<"method" | "path", string>>> }>
  >
}

/** The routes of an interface, and those of further pages. */
export const routesOf = ({ groups }: Interface, pages: ReadonlyArray<string>): Routes => [
  ...Object.values(groups)
    .flatMap(({ endpoints }) => Object.values(endpoints))
    .map(({ method, path }) => ({ pattern: patternOf(path), method })),
  ...pages.map((path) => ({ pattern: patternOf(path), method: "GET" })),
]

const isEncoded = (path: string) => {
  try {
    decodeURIComponent(path)
    return true
  } catch {
    return false
  }
}
const garbled = new BadParameter({ errors: [{ field: "path", message: "must be percent-encoded UTF-8" }] })

/** No route: or one that takes other methods. */
const missed = ({ method, url }: Request, routes: Routes) => {
  const [path = ""] = url.split("?", 1)
  if (!isEncoded(path)) return garbled
  const allow = [...new Set(routes.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method))]
  return allow.length === 0 || allow.includes(method) ? new RouteNotFound() : new MethodNotAllowed({ allow })
}

const rescue = (
  request: Request,
  routes: Routes,
  cause: Cause.Cause<unknown>,
): Effect.Effect<Response, never> => {
  if (Cause.hasInterruptsOnly(cause)) return Effect.failCause(cause as Cause.Cause<never>)
  const error = Option.getOrUndefined(Cause.findErrorOption(cause))
  if (HttpServerError.isHttpServerError(error)) {
    if (error.reason._tag === "RouteNotFound") return Effect.succeed(problem(missed(request, routes)))
    if (error.reason._tag === "RequestParseError") return Effect.succeed(problem(new NotHttp()))
  }
  return Effect.logError(`${request.method} ${request.url.split("?", 1)[0]} failed`, cause).pipe(
    Effect.as(problem(new Unexpected())),
  )
}

/** The span of this request if it is traced, else what the client sent. */
const traceIn = (context: Context.Context<never>, request: Request) => {
  const span = Option.getOrUndefined(Context.getOption(context, Tracer.ParentSpan))
  const own = span === undefined ? "" : `00-${span.traceId}-${span.spanId}-${span.sampled ? "01" : "00"}`
  return traceOf(own) ?? traceOf(request.headers.traceparent)
}

/** Around all routes: every request has a name, every failure an answer, every answer its headers. */
export const edge = <Failure, Requirements>(
  app: Effect.Effect<Response, Failure, Requirements>,
  routes: Routes,
): Effect.Effect<Response, never, Requirements> =>
  Effect.withFiber((fiber) => {
    const request = Context.getUnsafe(fiber.context, HttpServerRequest.HttpServerRequest)
    const id = requestIdOf(request.headers) ?? randomUUID()
    const trace = traceIn(fiber.context, request)
    const own = { ...safe, "x-request-id": id, ...(trace === undefined ? {} : { traceparent: trace }) }
    return app.pipe(
      Effect.updateContext((context: Context.Context<Requirements>) =>
        context.pipe(Context.add(RequestId, id), Context.add(TraceParent, trace)),
      ),
      Effect.catchCause((cause) => rescue(request, routes, cause)),
      Effect.map((response) => HttpServerResponse.setHeaders(response, { ...own, ...response.headers })),
    )
  })
