import { once } from "node:events"
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http"
import { createServer as createSecureServer } from "node:https"
import type { AddressInfo } from "node:net"
import { gzipSync } from "node:zlib"
import type { Identity } from "./certificates.ts"
import {
  chatAnswer,
  chatEvents,
  chatUsage,
  completionAnswer,
  completionEvents,
  embeddingsAnswer,
  messagesAnswer,
  messagesEvents,
  responsesAnswer,
  responsesEvents,
} from "./providerAnswers.ts"

/** The requests that the provider was sent. */
export interface Received {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly rawHeaders: ReadonlyArray<string>
  readonly body: Buffer
  /** The body, read; undefined when it is no JSON. */
  readonly json: Readonly<Record<string, unknown>> | undefined
  /** Resolves when the connection of the answer is closed, by whomever. */
  readonly closed: Promise<void>
  /** The answer was not taken to its end. */
  readonly wasAborted: () => boolean
}

/** Answers one request. */
export type Reply = (received: Received, response: ServerResponse) => void | Promise<void>

const parsed = (body: Buffer) => {
  try {
    return JSON.parse(body.toString()) as Record<string, unknown>
  } catch {
    return undefined
  }
}

const modelIn = ({ json }: Received) => String(json?.["model"] ?? "none")

/** Whole JSON, with any status. */
export const json =
  (body: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): Reply =>
  (_received, response) => {
    response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body))
  }

/** A provider's error, in OpenAI's shape. */
export const failing = (
  status: number,
  error: object = { message: "no", type: "some_error", param: null, code: null },
  headers: Readonly<Record<string, string>> = {},
): Reply => json({ error }, status, headers)

/** Any text with any headers. */
export const text =
  (body: string | Buffer, headers: Readonly<Record<string, string>> = {}, status = 200): Reply =>
  (_received, response) => {
    response.writeHead(status, headers).end(body)
  }

/** Takes the request and never answers. */
export const silent: Reply = () => {}

/** Cuts the connection without an answer. */
export const reset: Reply = (_received, response) => {
  response.socket?.resetAndDestroy()
}

/** Bytes that are no HTTP, or whatever they say they are. */
export const raw =
  (bytes: string): Reply =>
  (_received, response) => {
    response.socket?.end(bytes)
  }

/** An answer that unpacks to a thousand times its size. */
export const bomb: Reply = (_received, response) => {
  const packed = gzipSync(Buffer.alloc(16 * 1024 * 1024, 0x20))
  response.writeHead(200, { "content-type": "application/json", "content-encoding": "gzip" }).end(packed)
}

export const redirect = (to: string): Reply => text("", { location: to }, 307)

/** Writes so that each piece is sent by itself, and waits until it is on its way. */
export const write = (response: ServerResponse, piece: string | Buffer): Promise<void> =>
  new Promise((resolve) => response.write(piece, () => resolve()))

const EVENTS = { "content-type": "text/event-stream", "cache-control": "no-cache" }

/** A stream: pieces one after another, each with what has to happen before it. */
export const stream =
  (
    pieces: ReadonlyArray<string | Buffer | ((response: ServerResponse) => void | Promise<void>)>,
    headers: Readonly<Record<string, string>> = {},
  ): Reply =>
  async (_received, response) => {
    response.writeHead(200, { ...EVENTS, ...headers })
    response.flushHeaders()
    for (const piece of pieces) {
      if (typeof piece === "function") await piece(response)
      else await write(response, piece)
      if (response.destroyed) return
    }
    response.end()
  }

/** Never goes on: for the middle of a stream. */
export const stall = () => new Promise<void>(() => {})

/** Cuts the connection: for the middle of a stream. */
export const cut = (response: ServerResponse) => void response.socket?.resetAndDestroy()

const pieces = ["Hel", "lo ", "there"]

/** The reply of a provider that nothing is wrong with. */
export const well: Reply = (received, response) => {
  const { json: body, path } = received
  const model = modelIn(received)
  const isStream = body?.["stream"] === true
  const options = body?.["stream_options"] as { include_usage?: boolean } | undefined
  const usage = options?.include_usage === true ? chatUsage : undefined
  const route = path.split("?")[0]?.replace(/^.*\/v\d+\//, "")
  const whole = (answer: object) => json(answer)(received, response)
  const events = (those: ReadonlyArray<string>) => {
    response.writeHead(200, EVENTS).end(those.join(""))
  }
  switch (route) {
    case "chat/completions":
      return isStream
        ? events(chatEvents(model, pieces, usage === undefined ? {} : { usage }))
        : whole(chatAnswer(model))
    case "completions":
      return isStream ? events(completionEvents(model, pieces)) : whole(completionAnswer(model))
    case "embeddings":
      return whole(embeddingsAnswer(model))
    case "responses":
      return isStream ? events(responsesEvents(model, pieces)) : whole(responsesAnswer(model))
    case "messages":
      return isStream ? events(messagesEvents(model, pieces)) : whole(messagesAnswer(model))
    case "messages/count_tokens":
      return whole({ input_tokens: 42 })
    case "models":
      return whole({
        object: "list",
        data: [{ id: "native-model", object: "model", created: 1, owned_by: "x" }],
      })
    default:
      return failing(404)(received, response)
  }
}

/** A provider on this machine, that does what it is told to and remembers what it was asked. */
export interface Upstream {
  /** The base URL, with `/v1`. */
  readonly url: string
  /** `host:port`. */
  readonly host: string
  readonly received: ReadonlyArray<Received>
  /** The next requests are answered so, one after another; then `well` again. */
  readonly next: (...replies: ReadonlyArray<Reply>) => void
  /** All others from now on are answered so. */
  readonly always: (reply: Reply) => void
  /** Resolves with the request of this number, counted from 1, once it is here. */
  readonly request: (number: number) => Promise<Received>
  /** Connections that were made to it so far. */
  readonly connections: () => number
  /** Ends connections that are kept open, as servers do after a while. */
  readonly closeIdle: () => void
  readonly close: () => Promise<void>
}

/** With an identity it speaks https, and is called localhost. */
export const startUpstream = async (identity?: Identity): Promise<Upstream> => {
  const received: Array<Received> = []
  const script: Array<Reply> = []
  const waiting = new Set<() => void>()
  let otherwise = well
  let connections = 0

  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Array<Buffer> = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const body = Buffer.concat(chunks)
    const one: Received = {
      method: request.method ?? "",
      path: request.url ?? "",
      headers: request.headers,
      rawHeaders: request.rawHeaders,
      body,
      json: parsed(body),
      closed: new Promise((resolve) => response.once("close", () => resolve())),
      wasAborted: () => response.destroyed && !response.writableFinished,
    }
    received.push(one)
    for (const look of waiting) look()
    await (script.shift() ?? otherwise)(one, response)
  }
  const server = identity === undefined ? createServer(answer) : createSecureServer(identity, answer)
  server.keepAliveTimeout = 60_000
  server.on("connection", () => {
    connections += 1
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  const [scheme, name] = identity === undefined ? ["http", "127.0.0.1"] : ["https", "localhost"]
  const host = `${name}:${port}`

  return {
    url: `${scheme}://${host}/v1`,
    host,
    received,
    next: (...replies) => void script.push(...replies),
    always: (reply) => {
      otherwise = reply
    },
    request: (number) =>
      new Promise((resolve) => {
        const look = () => {
          const one = received[number - 1]
          if (one === undefined) return
          waiting.delete(look)
          resolve(one)
        }
        waiting.add(look)
        look()
      }),
    connections: () => connections,
    closeIdle: () => server.closeIdleConnections(),
    close: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, "close")
    },
  }
}
