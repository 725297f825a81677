import { Clock, Duration, Effect, FiberSet, Layer, Schedule, Stream } from "effect"
import type { IncomingMessage, Server } from "node:http"
import type { Duplex } from "node:stream"
import { WebSocket, WebSocketServer } from "ws"
import { Chats } from "../../commands/Chats.ts"
import { Dispatcher } from "../../commands/dispatch.ts"
import { lobbyId } from "../../commands/firstStart.ts"
import { Heartbeats } from "../../commands/Heartbeats.ts"
import { Limits } from "../../commands/Limits.ts"
import { Tokens } from "../../commands/Tokens.ts"
import { Settings } from "../../config.ts"
import { Digest } from "../../domain/Digest.ts"
import { EventLog } from "../../domain/EventLog.ts"
import { ReadModel } from "../../projections/ReadModel.ts"
import { Roster } from "../../projections/Roster.ts"
import { HttpServer } from "../http/HttpServer.ts"
import { closings } from "./closeCodes.ts"
import { Connection } from "./Connection.ts"
import type { Crew } from "./Crew.ts"
import { makeHub } from "./Hub.ts"
import { originCheck } from "./origins.ts"
import { Session } from "./Session.ts"

const PATH = "/ws"
const LONGEST_FRAME = 64 * 1024
const CONNECTIONS = 10_000
const CONNECTIONS_PER_MEMBER = 32
/** Milliseconds that a client has to agree to the end of a connection. */
const GOODBYE = 3_000

/** What `ws` finds wrong with a frame by itself: protocol, UTF-8, too many fragments, too long. */
const badFrames: ReadonlySet<number | undefined> = new Set([1002, 1007, 1008, 1009])

class CrewSocket extends WebSocket {
  /** `ws` closes with its own codes; ours has one for all of them. */
  override close(code?: number, reason?: string | Buffer): void {
    if (badFrames.has(code)) super.close(closings.badFrame.code, closings.badFrame.reason)
    else super.close(code, reason)
  }
}

/** A connection and when it has to have done what: milliseconds of this node's clock. */
interface Seat {
  readonly connection: Connection
  readonly session: Session
  readonly authBy: number
  pingAt: number
  pongBy: number
}

/** Serves `/ws` on an HTTP server until the scope ends; then sockets are told and drained (architecture.md section 7). */
export const serve = Effect.fnUntraced(function* (server: Server, url: string) {
  const settings = yield* Settings
  const { currentTimeMillisUnsafe: now } = yield* Clock.Clock
  const authWithin = Duration.toMillis(settings.authTimeout)
  const pingEvery = Duration.toMillis(settings.pingInterval)
  const pongWithin = Duration.toMillis(settings.pongTimeout)
  const isAllowed = originCheck(url, settings.allowedOrigins)
  const seats = new Set<Seat>()
  const bySlug = new Map<string, Set<Session>>()
  let isClosing = false

  const log = yield* EventLog
  const digest = yield* Digest
  const roster = yield* Roster
  const runtime = yield* FiberSet.makeRuntime()
  const crew: Crew = {
    chats: yield* Chats,
    digest,
    dispatcher: yield* Dispatcher,
    epoch: (yield* log.head).epoch,
    heartbeats: yield* Heartbeats,
    hub: yield* makeHub,
    limits: yield* Limits,
    lobby: lobbyId(digest),
    log,
    readModel: yield* ReadModel,
    roster,
    tokens: yield* Tokens,
    run: runtime,
    enter: (session) => {
      const others = bySlug.get(session.slug) ?? new Set()
      if (others.size >= CONNECTIONS_PER_MEMBER) return false
      bySlug.set(session.slug, others.add(session))
      return true
    },
  }

  const leave = (seat: Seat) => {
    seats.delete(seat)
    const { session } = seat
    session.over()
    const others = bySlug.get(session.slug)
    others?.delete(session)
    if (others?.size === 0) bySlug.delete(session.slug)
  }

  const seatOf = (ws: WebSocket, socket: Duplex): Seat => {
    const connection = new Connection(ws, socket)
    const at = now()
    const session = new Session(crew, connection)
    return {
      connection,
      session,
      authBy: at + authWithin,
      pingAt: at + pingEvery,
      pongBy: Number.POSITIVE_INFINITY,
    }
  }

  const accept = (ws: WebSocket, socket: Duplex, { headers }: IncomingMessage) => {
    const seat = seatOf(ws, socket)
    const { connection, session } = seat
    // What is wrong with a socket also closes it.
    ws.on("error", () => {})
    if (seats.size >= CONNECTIONS) return connection.close(closings.tooManyConnections)
    if (!isAllowed(headers)) return connection.close(closings.badOrigin)
    seats.add(seat)
    ws.on("close", () => leave(seat))
    ws.on("pong", () => {
      seat.pongBy = Number.POSITIVE_INFINITY
    })
    ws.on("message", (data: Buffer, isBinary) => {
      if (isBinary) connection.close(closings.badFrame)
      else session.receive(data.toString())
    })
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
  const wss = new WebSocketServer(options)

  const upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (request.url?.split("?", 1)[0] !== PATH) return refuse(socket, "404 Not Found")
    if (isClosing) return refuse(socket, "503 Service Unavailable")
    wss.handleUpgrade(request, socket, head, (ws) => accept(ws, socket, request))
  }

  const watch = ({ connection, session, ...seat }: Seat, at: number): Partial<Seat> => {
    session.checkToken()
    if (!session.isAuthenticated && at >= seat.authBy) connection.close(closings.noAuth)
    if (at >= seat.pongBy) connection.close(closings.noPong)
    if (at < seat.pingAt) return {}
    connection.ping()
    return { pingAt: at + pingEvery, pongBy: Math.min(seat.pongBy, at + pongWithin) }
  }

  // One look at all connections instead of a timer for each.
  yield* Effect.sync(() => {
    const at = now()
    for (const seat of seats) Object.assign(seat, watch(seat, at))
  }).pipe(
    Effect.repeat(Schedule.spaced(Math.min(1_000, Math.min(authWithin, pingEvery, pongWithin) / 4))),
    Effect.forkScoped,
  )

  yield* roster.changes.pipe(
    Stream.runForEach(({ slug }) =>
      Effect.sync(() => {
        for (const session of bySlug.get(slug) ?? []) session.checkToken()
      }),
    ),
    Effect.forkScoped,
  )

  const drain = Effect.gen(function* () {
    isClosing = true
    for (const { connection } of seats) connection.close(closings.shuttingDown)
    yield* Effect.sleep("20 millis").pipe(
      Effect.repeat({ until: () => seats.size === 0 }),
      Effect.timeoutOption(settings.drainTimeout),
    )
    for (const { connection } of seats) connection.terminate()
  })

  yield* Effect.acquireRelease(
    Effect.sync(() => server.on("upgrade", upgrade)),
    () =>
      Effect.andThen(
        drain,
        Effect.sync(() => server.off("upgrade", upgrade)),
      ),
  )
})

/** `/ws` on the program's HTTP server. */
export const layer = Layer.effectDiscard(Effect.flatMap(HttpServer, ({ server, url }) => serve(server, url)))

const refuse = (socket: Duplex, status: string) => {
  socket.on("error", () => {})
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}
