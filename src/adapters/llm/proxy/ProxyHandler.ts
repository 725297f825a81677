import { Clock, Context, Effect, FiberSet, Layer } from "effect"
import type { IncomingMessage, ServerResponse } from "node:http"
import { Settings } from "../../../config.ts"
import { Fleet } from "../../../projections/Fleet.ts"
import { Callers } from "../metering/Callers.ts"
import { Meter } from "../metering/Meter.ts"
import { priceCatalogue } from "./priceCatalogue.ts"
import { ProviderProxy } from "./ProviderProxy.ts"
import { Routing } from "../Routing.ts"

/** Answers what comes to the gateway's door under `/v1/`: plain node from the socket on, for speed. */
export class ProxyHandler extends Context.Service<
  ProxyHandler,
  {
    /** Takes the request over: answers it, whatever happens, and ends when its client goes away. Never throws. */
    readonly handle: (request: IncomingMessage, response: ServerResponse) => void
  }
>()("crewlog/adapters/llm/ProxyHandler") {
  static readonly layer = Layer.effect(
    ProxyHandler,
    Effect.gen(function* () {
      const callers = yield* Callers
      const { backends, options } = yield* Fleet
      const meter = yield* Meter
      const { router } = yield* Routing
      const { gatewayBodyLimit: bodyLimit, privateUpstreams } = yield* Settings
      const inBackground = yield* FiberSet.makeRuntime()
      const onDefect = (error: unknown) =>
        void inBackground(Effect.logError("a request to a provider failed here", error))
      const clock = yield* Clock.Clock
      const catalogue = priceCatalogue(() => clock.currentTimeMillisUnsafe())
      const gateway = { callers, meter, router, backends, options, catalogue }
      const parts = { ...gateway, privateUpstreams, bodyLimit, onDefect }
      const proxy = yield* Effect.acquireRelease(
        Effect.sync(() => new ProviderProxy(parts)),
        (proxy) => Effect.sync(() => proxy.destroy()),
      )
      return ProxyHandler.of({ handle: proxy.handle })
    }),
  )
}
