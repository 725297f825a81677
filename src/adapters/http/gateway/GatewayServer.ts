import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { Context, Effect, Layer } from "effect"
import { HttpRouter } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import type { IncomingMessage } from "node:http"
import { Settings } from "../../../config.ts"
import { ProxyHandler } from "../../llm/proxy/ProxyHandler.ts"
import { isForProviders } from "../../llm/proxy/routeHints.ts"
import { Closing } from "../Closing.ts"
import { docsOf } from "../docs.ts"
import { type Door, openDoor } from "../Door.ts"
import { edge, routesOf } from "../edge.ts"
import { GateLayer } from "../gate.ts"
import { handlersOf } from "../handlers.ts"
import { nodeHandler } from "../nodeHandler.ts"
import { GatewayApi, routed } from "./GatewayApi.ts"
import { PageGateLayer } from "./gates.ts"
import { OpenHandlers } from "./open.ts"

/** Requests to providers, many of them streams. */
const CONNECTIONS = 20_000

const Handlers = Layer.merge(handlersOf(GatewayApi, routed), OpenHandlers).pipe(
  Layer.provide(PageGateLayer),
  Layer.provide(GateLayer),
)

const docs = docsOf(GatewayApi)
const Routes = Layer.mergeAll(
  HttpApiBuilder.layer(GatewayApi, { openapiPath: "/openapi.json" }),
  docs.layer,
).pipe(Layer.provide(Handlers))

const isProxied = ({ url = "" }: IncomingMessage) => isForProviders(url)

/** The gateway's door: what models are asked goes straight to the proxy, everything else is for operators. */
export class GatewayServer extends Context.Service<GatewayServer, Door>()(
  "crewlog/adapters/http/gateway/GatewayServer",
) {
  static readonly layer = Layer.effect(
    GatewayServer,
    Effect.gen(function* () {
      const { drainTimeout, gatewayPort, host } = yield* Settings
      const closing = yield* Closing
      const proxy = yield* ProxyHandler
      const app = edge(yield* HttpRouter.toHttpEffect(Routes), routesOf(GatewayApi, docs.paths))
      const answer = yield* nodeHandler(app)
      return yield* openDoor({
        host,
        port: gatewayPort,
        setting: "CREWLOG_GATEWAY_PORT",
        connections: CONNECTIONS,
        answer: (request, response) =>
          isProxied(request) ? proxy.handle(request, response) : answer(request, response),
        isUnlimited: isProxied,
        drainTimeout,
        beginClosing: closing.begin,
      })
    }),
  ).pipe(Layer.provide([NodeHttpServer.layerHttpServices, Layer.fresh(Closing.layer)]))
}
