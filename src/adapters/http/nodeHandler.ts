import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { Effect, Exit, Scope } from "effect"
import { HttpMiddleware, type HttpServerResponse } from "effect/http"

/** Spans that nobody keeps have no name; then requests need not make any. */
const hasNoTracer = Effect.map(Effect.makeSpan("HttpServer", { root: true }), ({ traceId }) =>
  /^0*$/.test(traceId),
)

/** Makes a listener for node's server of an application; what it still does when the scope ends is interrupted. */
export const nodeHandler = Effect.fnUntraced(function* <Requirements>(
  app: Effect.Effect<HttpServerResponse.HttpServerResponse, never, Requirements>,
) {
  const requests = yield* Effect.acquireRelease(Scope.make(), (scope) => Scope.close(scope, Exit.void))
  const isUntraced = yield* hasNoTracer
  return yield* NodeHttpServer.makeHandler(app, { scope: requests }).pipe(
    Effect.provideService(HttpMiddleware.TracerDisabledWhen, () => isUntraced),
  )
})
