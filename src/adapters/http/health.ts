import { Effect } from "effect"
import { HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { NotReady } from "../../operations/EdgeRefusal.ts"
import { Api } from "./Api.ts"
import { problem } from "./problems.ts"
import { Readiness } from "./Readiness.ts"

export const HealthHandlers = HttpApiBuilder.group(
  Api,
  "health",
  Effect.fnUntraced(function* (handlers) {
    const readiness = yield* Readiness

    return handlers.handleAll({
      live: () => Effect.succeed(HttpServerResponse.jsonUnsafe({ status: "alive" })),
      ready: ({ query }) =>
        Effect.map(readiness.checks, (checks) => {
          if (checks.some(({ ok }) => !ok)) return problem(new NotReady({ checks }))
          return HttpServerResponse.jsonUnsafe({
            status: "ready",
            ...(query.verbose === undefined ? {} : { checks }),
          })
        }),
    })
  }),
)
