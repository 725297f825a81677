import { Clock, Duration, Effect, Layer, Schedule, Stream } from "effect"
import type { IncomingMessage, Server } from "node:http"
import type { Duplex } from "node:stream"
import { WebSocket, WebSocketServer } from "ws"
import { Settings } from "../../config.ts"
import { Roster } from "../../projections/Roster.ts"
import { HttpServer } from "../http/HttpServer.ts"
import { closings } from "./closeCodes.ts"
import { Connection } from "./Connection.ts"
import type { Crew } from "./Crew.ts"
import { makeCrew } from "./makeCrew.ts"
import { originCheck } from "./origins.ts"
import { Seats } from "./Seats.ts"
import { Session } from "./Session.ts"

const PATH = "/ws"
const LONGEST_FRAME = 64 * 1024
/** Milliseconds that a client has to agree to the end of a connection. */
const GOODBYE = 3_000

/** Faults that `ws` finds with a frame by itself: protocol, UTF-8, too many fragments, too long. */
const badFrames: ReadonlySet<number | undefined> = new Set([1002, 1007, 1008, 1009])

class CrewSocket extends WebSocket {
  /** `ws` closes with its own codes; ours has one for all of them. */
  override close(code?: number, reason?: string | Buffer): void {
    if (badFrames.has(code)) super.close(closings.badFrame.code, closings.badFrame.reason)
    else super.close(code, reason)
  }
}

const options = {
  noServer: true,
  WebSocket: CrewSocket,
  clientTracking: false,
  perMessageDeflate: false,
  skipUTF8Validation: false,
  maxPayload: LONGEST_FRAME,
  closeTimeout: GOODBYE,
}

const refuse = (socket: Duplex, status: string) => {
  socket.on("error", () => {})
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}

interface House {
  readonly crew: Crew
  readonly seats: Seats
  readonly isAllowed: ReturnType<typeof originCheck>
  readonly now: () => number
}

const accept = (
  { crew, isAllowed, now, seats }: House,
  ws: WebSocket,
  socket: Duplex,
  headers: IncomingMessage["headers"],
) => {
  const connection = new Connection(ws, socket)
  const session = new Session(crew, connection)
  // A socket's fault also closes it.
  ws.on("error", () => {})
  if (seats.isFull) return connection.close(closings.tooManyConnections)
  if (!isAllowed(headers)) return connection.close(closings.badOrigin)
  const seat = seats.take(connection, session, now())
  ws.on("close", () => seats.leave(seat))
  ws.on("pong", () => {
    seat.pongBy = Number.POSITIVE_INFINITY
  })
  ws.on("message", (data: Buffer, isBinary) => {
    if (isBinary) connection.close(closings.badFrame)
    else session.receive(data.toString())
  })
}

/** Serves `/ws` on an HTTP server until the scope ends; then sockets are told and drained (architecture.md section 7). */
export const serve = Effect.fnUntraced(function* (server: Server, url: string) {
  const { allowedOrigins, authTimeout, drainTimeout, pingInterval, pongTimeout } = yield* Settings
  const { currentTimeMillisUnsafe: now } = yield* Clock.Clock
  const roster = yield* Roster
  const auth = Duration.toMillis(authTimeout)
  const pingEvery = Duration.toMillis(pingInterval)
  const pong = Duration.toMillis(pongTimeout)
  const seats = new Seats({ auth, pingEvery, pong })
  const crew = yield* makeCrew((session) => seats.enter(session))
  const house = { crew, seats, isAllowed: originCheck(url, allowedOrigins), now }
  const wss = new WebSocketServer(options)
  let isClosing = false

  const upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (request.url?.split("?", 1)[0] !== PATH) return refuse(socket, "404 Not Found")
    if (isClosing) return refuse(socket, "503 Service Unavailable")
    wss.handleUpgrade(request, socket, head, (ws) => accept(house, ws, socket, request.headers))
  }

  yield* Effect.sync(() => seats.watch(now())).pipe(
    Effect.repeat(Schedule.spaced(Math.min(1_000, Math.min(auth, pingEvery, pong) / 4))),
    Effect.forkScoped,
  )
  yield* roster.changes.pipe(
    Stream.runForEach(({ slug }) => Effect.sync(() => seats.checkTokens(slug))),
    Effect.forkScoped,
  )

  const drain = Effect.gen(function* () {
    isClosing = true
    seats.sayGoodbye()
    yield* Effect.sleep("20 millis").pipe(
      Effect.repeat({ until: () => seats.isEmpty }),
      Effect.timeoutOption(drainTimeout),
    )
    seats.terminate()
    server.off("upgrade", upgrade)
  })
  yield* Effect.acquireRelease(
    Effect.sync(() => server.on("upgrade", upgrade)),
    () => drain,
  )
})

/** `/ws` on the program's HTTP server. */
export const layer = Layer.effectDiscard(Effect.flatMap(HttpServer, ({ server, url }) => serve(server, url)))
