import { type Duration, Effect } from "effect"
import { createServer, type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from "node:http"
import type { AddressInfo } from "node:net"
import type { Duplex } from "node:stream"
import { SettingInvalid } from "../../config.ts"
import { HeadersTooLarge, NotHttp, RequestTooSlow } from "../../operations/EdgeRefusal.ts"
import { type Failure, refusalOf } from "../../operations/refusals.ts"
import { InFlight } from "./InFlight.ts"
import { PROBLEM, problemText } from "./problems.ts"

const HEADERS_WITHIN = 10_000
/** Until it is here; its answer may take longer. */
const REQUEST_WITHIN = 30_000
/** The same at a door whose own routes see to it that bytes keep coming. */
const UPLOAD_WITHIN = 3_600_000
const ANSWER_WITHIN: Duration.Input = "30 seconds"
const KEEP_ALIVE = 65_000
const HEADER_BYTES = 16 * 1024

/** A port of the program that is open. */
export interface Door {
  readonly server: Server
  /** `http://host:port`, as it can be reached from this machine. */
  readonly url: string
  readonly port: number
}

interface DoorOptions {
  readonly host: string
  readonly port: number
  /** The setting of the port, for who finds it taken. */
  readonly setting: string
  readonly connections: number
  readonly answer: (request: IncomingMessage, response: ServerResponse) => void
  /** True if this request, and the answer to it, may take as long as they like; other answers must begin within 30 seconds. */
  readonly isUnlimited?: (request: IncomingMessage) => boolean
  /** The longest time that a stop waits for answers that have begun. */
  readonly drainTimeout: Duration.Duration
  /** Tells answers without an end that they have to come to one. */
  readonly beginClosing?: Effect.Effect<void>
}

/** The refusal of requests that node itself refuses, before any route: told like everything else. */
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

/** The setting to change where a port of a host can't be listened on. */
export const listenFailure = (
  { host, port, setting }: Pick<DoorOptions, "host" | "port" | "setting">,
  error: NodeJS.ErrnoException,
) => {
  if (error.code === "EADDRINUSE") {
    return new SettingInvalid({
      setting,
      given: String(port),
      expected: "a port that is free: another program listens on this one (0 takes a free one)",
    })
  }
  if (error.code === "EACCES") {
    return new SettingInvalid({ setting, given: String(port), expected: "a port that you may listen on" })
  }
  return new SettingInvalid({
    setting: "CREWLOG_HOST",
    given: host,
    expected: `an address of this machine (${error.code})`,
  })
}

const urlOf = ({ address, family, port }: AddressInfo) => {
  const host = address === "::" || address === "0.0.0.0" ? "127.0.0.1" : address
  return `http://${family === "IPv6" && host.includes(":") ? `[${host}]` : host}:${port}`
}

const serverOf = ({ connections, isUnlimited }: DoorOptions) => {
  const server = createServer({
    headersTimeout: HEADERS_WITHIN,
    requestTimeout: isUnlimited === undefined ? REQUEST_WITHIN : UPLOAD_WITHIN,
    connectionsCheckingInterval: 1000,
    keepAliveTimeout: KEEP_ALIVE,
    maxHeaderSize: HEADER_BYTES,
  })
  server.maxConnections = connections
  server.on("clientError", refuseClient)
  return server
}

const listen = (server: Server, options: DoorOptions) =>
  Effect.callback<void, SettingInvalid>((resume) => {
    const failed = (error: NodeJS.ErrnoException) => resume(listenFailure(options, error))
    server.once("error", failed)
    server.listen(options.port, options.host, () => {
      server.off("error", failed)
      resume(Effect.void)
    })
  })

/** Listens as long as the scope lives; then it takes no more connections and finishes what it began. */
export const openDoor = Effect.fnUntraced(function* (options: DoorOptions) {
  const { answer, beginClosing = Effect.void, drainTimeout, isUnlimited = () => false } = options
  const inFlight = new InFlight(ANSWER_WITHIN)
  const server = serverOf(options)
  server.on("request", (request, response) => {
    inFlight.note(response, isUnlimited(request))
    answer(request, response)
  })

  const finished = Effect.sleep("10 millis").pipe(
    Effect.repeat({ until: () => inFlight.isEmpty }),
    Effect.timeoutOption(drainTimeout),
  )
  const stop = Effect.gen(function* () {
    inFlight.drain()
    yield* beginClosing
    server.close()
    server.closeIdleConnections()
    yield* finished
    server.closeAllConnections()
  })

  yield* Effect.acquireRelease(listen(server, options), () => stop)
  yield* Effect.sync(inFlight.giveUp).pipe(
    Effect.andThen(Effect.sleep("1 second")),
    Effect.forever,
    Effect.forkScoped,
  )
  const address = server.address() as AddressInfo
  return { server, url: urlOf(address), port: address.port } satisfies Door
})
