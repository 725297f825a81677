import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { Context, Effect, Layer } from "effect"
import { HttpRouter } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import type { IncomingMessage } from "node:http"
import { Settings } from "../../../config.ts"
import { ProxyHandler } from "../../llm/proxy/ProxyHandler.ts"
import { Answers } from "../Answers.ts"
import { Closing } from "../Closing.ts"
import { docsOf } from "../docs.ts"
import { type Door, openDoor } from "../Door.ts"
import { edge, routesOf } from "../edge.ts"
import { GateLayer } from "../gate.ts"
import { nodeHandler } from "../nodeHandler.ts"
import { AllowancesHandlers } from "./allowances.ts"
import { BackendsHandlers } from "./backends.ts"
import { ConfigHandlers } from "./config.ts"
import { DashboardHandlers } from "./dashboard.ts"
import { GatewayApi } from "./GatewayApi.ts"
import { AdminGateLayer, PageGateLayer } from "./gates.ts"
import { OpenHandlers } from "./open.ts"
import { PoolsHandlers } from "./pools.ts"
import { StatsHandlers } from "./stats.ts"

/** Requests to providers, many of them streams. */
const CONNECTIONS = 20_000

const Handlers = Layer.mergeAll(
  BackendsHandlers,
  PoolsHandlers,
  StatsHandlers,
  ConfigHandlers,
  AllowancesHandlers,
  DashboardHandlers,
  OpenHandlers,
).pipe(Layer.provide([AdminGateLayer, PageGateLayer]), Layer.provide(GateLayer), Layer.provide(Answers.layer))

const docs = docsOf(GatewayApi)
const Routes = Layer.mergeAll(
  HttpApiBuilder.layer(GatewayApi, { openapiPath: "/openapi.json" }),
  docs.layer,
).pipe(Layer.provide(Handlers))

const isProxied = ({ url }: IncomingMessage) => url?.startsWith("/v1/") === true

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
