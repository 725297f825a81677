import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { Context, Effect, Layer } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { Settings } from "../../config.ts"
import { asyncApi } from "../asyncapi/document.ts"
import { Api, routed } from "./Api.ts"
import { Closing } from "./Closing.ts"
import { docsOf } from "./docs.ts"
import { type Door, openDoor } from "./Door.ts"
import { edge, routesOf } from "./edge.ts"
import { front } from "./front.ts"
import { GateLayer } from "./gate.ts"
import { handlersOf } from "./handlers.ts"
import { HealthHandlers } from "./health.ts"
import { nodeHandler } from "./nodeHandler.ts"

/** WebSockets included. */
const CONNECTIONS = 20_000

const Handlers = Layer.merge(handlersOf(Api, routed), HealthHandlers).pipe(Layer.provide(GateLayer))

const docs = docsOf(Api)
const AsyncApi = HttpRouter.add("GET", "/asyncapi.json", HttpServerResponse.jsonUnsafe(asyncApi()))
const Routes = Layer.mergeAll(
  HttpApiBuilder.layer(Api, { openapiPath: "/openapi.json" }),
  docs.layer,
  front.layer,
  AsyncApi,
).pipe(Layer.provide(Handlers))

/** The program's door for REST, and, through `upgrade` of the same server, for WebSocket. */
export class HttpServer extends Context.Service<HttpServer, Door>()("crewlog/adapters/http/HttpServer") {
  static readonly layer = Layer.effect(
    HttpServer,
    Effect.gen(function* () {
      const { drainTimeout, host, port } = yield* Settings
      const closing = yield* Closing
      const app = edge(
        yield* HttpRouter.toHttpEffect(Routes),
        routesOf(Api, [...docs.paths, ...front.paths, "/asyncapi.json"]),
      )
      return yield* openDoor({
        host,
        port,
        setting: "CREWLOG_PORT",
        connections: CONNECTIONS,
        answer: yield* nodeHandler(app),
        drainTimeout,
        beginClosing: closing.begin,
      })
    }),
  ).pipe(Layer.provide([NodeHttpServer.layerHttpServices, Closing.layer]))
}
