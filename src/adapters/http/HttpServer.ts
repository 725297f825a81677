import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { Context, Duration, Effect, Exit, Layer, Scope } from "effect"
import { HttpMiddleware, HttpRouter } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { createServer, type Server, STATUS_CODES } from "node:http"
import type { AddressInfo } from "node:net"
import type { Duplex } from "node:stream"
import { SettingInvalid, Settings } from "../../config.ts"
import { HeadersTooLarge, NotHttp, RequestTooSlow } from "../EdgeRefusal.ts"
import { type Failure, refusalOf } from "../refusals.ts"
import { Answers } from "./Answers.ts"
import { Api } from "./Api.ts"
import { Closing } from "./Closing.ts"
import { DocsRoutes } from "./docs.ts"
import { edge } from "./edge.ts"
import { FeedHandlers } from "./feed.ts"
import { GateLayer } from "./gate.ts"
import { HealthHandlers } from "./health.ts"
import { InFlight } from "./InFlight.ts"
import { LogHandlers } from "./log.ts"
import { MembersHandlers } from "./members.ts"
import { MessagesHandlers } from "./messages.ts"
import { PROBLEM, problemText } from "./problems.ts"
import { ProjectsHandlers } from "./projects.ts"
import { TasksHandlers } from "./tasks.ts"

const HEADERS_WITHIN = 10_000
const REQUEST_WITHIN = 30_000
const KEEP_ALIVE = 65_000
const HEADER_BYTES = 16 * 1024
/** WebSockets included. */
const CONNECTIONS = 20_000

const Handlers = Layer.mergeAll(
  ProjectsHandlers,
  TasksHandlers,
  MessagesHandlers,
  MembersHandlers,
  FeedHandlers,
  LogHandlers,
  HealthHandlers,
).pipe(Layer.provide(GateLayer), Layer.provide(Answers.layer))

const Routes = Layer.mergeAll(HttpApiBuilder.layer(Api, { openapiPath: "/openapi.json" }), DocsRoutes).pipe(
  Layer.provide(Handlers),
)

/** What node itself refuses, before any route: told like everything else. */
const refusalOfClient = (error: NodeJS.ErrnoException): Failure => {
  if (error.code === "HPE_HEADER_OVERFLOW") return new HeadersTooLarge()
  return error.code === "ERR_HTTP_REQUEST_TIMEOUT" ? new RequestTooSlow() : new NotHttp()
}

const refuseClient = (error: NodeJS.ErrnoException, socket: Duplex) => {
  if (!socket.writable || error.code === "ECONNRESET") return void socket.destroy()
  const refusal = refusalOf(refusalOfClient(error))
  const body = problemText(refusal)
  socket.end(
    `HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status]}\r\nConnection: close\r\n` +
      `Content-Type: ${PROBLEM}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  )
}

const listenFailure = (
  { host, port }: { readonly host: string; readonly port: number },
  error: NodeJS.ErrnoException,
) => {
  if (error.code === "EADDRINUSE") {
    return new SettingInvalid({
      setting: "CREWLOG_PORT",
      given: String(port),
      expected: "a port that is free: another program listens on this one (0 takes a free one)",
    })
  }
  if (error.code === "EACCES") {
    return new SettingInvalid({
      setting: "CREWLOG_PORT",
      given: String(port),
      expected: "a port that you may listen on",
    })
  }
  return new SettingInvalid({
    setting: "CREWLOG_HOST",
    given: host,
    expected: `an address of this machine (${error.code})`,
  })
}

/** Spans that nobody keeps have no name; then requests need not make any. */
const hasNoTracer = Effect.map(Effect.makeSpan("HttpServer", { root: true }), ({ traceId }) =>
  /^0*$/.test(traceId),
)

const urlOf = ({ address, family, port }: AddressInfo) => {
  const host = address === "::" || address === "0.0.0.0" ? "127.0.0.1" : address
  return `http://${family === "IPv6" && host.includes(":") ? `[${host}]` : host}:${port}`
}

/**
 * The program's door for REST, and, through `upgrade` of the same server, for WebSocket. Listens as
 * long as the layer lives; on the way out it takes no more connections and finishes what it began.
 */
export class HttpServer extends Context.Service<
  HttpServer,
  {
    readonly server: Server
    /** `http://host:port`, as it can be reached from this machine. */
    readonly url: string
    readonly port: number
  }
>()("crewlog/adapters/http/HttpServer") {
  static readonly layer = Layer.effect(
    HttpServer,
    Effect.gen(function* () {
      const settings = yield* Settings
      const closing = yield* Closing
      const app = edge(yield* HttpRouter.toHttpEffect(Routes))
      const requests = yield* Scope.make()
      const isUntraced = yield* hasNoTracer
      const answer = yield* NodeHttpServer.makeHandler(app, { scope: requests }).pipe(
        Effect.provideService(HttpMiddleware.TracerDisabledWhen, () => isUntraced),
      )
      const inFlight = new InFlight("30 seconds")

      const server = createServer({
        headersTimeout: HEADERS_WITHIN,
        requestTimeout: REQUEST_WITHIN,
        connectionsCheckingInterval: 1000,
        keepAliveTimeout: KEEP_ALIVE,
        maxHeaderSize: HEADER_BYTES,
      })
      server.maxConnections = CONNECTIONS
      server.on("request", inFlight.note)
      server.on("request", answer)
      server.on("clientError", refuseClient)

      const listen = Effect.callback<void, SettingInvalid>((resume) => {
        const failed = (error: NodeJS.ErrnoException) => resume(listenFailure(settings, error))
        server.once("error", failed)
        server.listen(settings.port, settings.host, () => {
          server.off("error", failed)
          resume(Effect.void)
        })
      })

      const finished = Effect.sleep("10 millis").pipe(
        Effect.repeat({ until: () => inFlight.isEmpty }),
        Effect.timeoutOption(settings.drainTimeout),
      )
      const stop = Effect.gen(function* () {
        inFlight.drain()
        yield* closing.begin
        server.close()
        server.closeIdleConnections()
        yield* finished
        server.closeAllConnections()
        yield* Scope.close(requests, Exit.void)
      })

      yield* Effect.acquireRelease(listen, () => stop)
      yield* Effect.sync(inFlight.giveUp).pipe(
        Effect.andThen(Effect.sleep(Duration.seconds(1))),
        Effect.forever,
        Effect.forkScoped,
      )
      const address = server.address() as AddressInfo
      return HttpServer.of({ server, url: urlOf(address), port: address.port })
    }),
  ).pipe(Layer.provide([NodeHttpServer.layerHttpServices, Closing.layer]))
}
