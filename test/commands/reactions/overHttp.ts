import { Effect, Option, Schema } from "effect"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { Deliveries, OutsideAway, OutsideRefuses } from "./Deliveries.ts"
import type { Outside } from "./Outside.ts"

const Sent = Schema.Struct({ key: Schema.String, to: Schema.String, text: Schema.String })
const Receipt = Schema.Struct({ receipt: Schema.NullOr(Schema.String) })
const decodeSent = Schema.decodeUnknownSync(Sent)
const decodeReceipt = Schema.decodeUnknownOption(Receipt)

const bodyOf = async (request: IncomingMessage): Promise<unknown> => {
  let text = ""
  for await (const chunk of request) text += String(chunk)
  return JSON.parse(text)
}

/** A call on its way: `act` is its effect. */
export interface Call {
  readonly key: string
  readonly request: IncomingMessage
  readonly act: () => void
}

/** The listener to each call, before it takes effect and after; gives false to drop it there. */
export type Watch = (step: "arrived" | "acted", call: Call) => boolean

const answer = async (outside: Outside, watch: Watch, request: IncomingMessage, response: ServerResponse) => {
  const say = (status: number, receipt: string | null) =>
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify({ receipt }))
  const drop = () => request.socket.destroy()
  const fault = outside.faults.shift()
  if (fault === "silent") return
  if (fault === "away") return drop()
  if (request.method === "GET") return say(200, outside.find(request.url?.slice(1) ?? "") ?? null)
  const { key, ...letter } = decodeSent(await bodyOf(request))
  const act = () => outside.arrives(key, letter)
  const call: Call = { key, request, act }
  if (!watch("arrived", call)) return drop()
  const receipt = act()
  if (!watch("acted", call) || fault === "lost") return drop()
  return receipt === undefined ? say(422, null) : say(200, receipt)
}

/** The outside behind a socket on loopback; gives its URL. */
export const serve = Effect.fnUntraced(function* (outside: Outside, watch: Watch = () => true) {
  const server = yield* Effect.acquireRelease(
    Effect.sync(() => createServer((request, response) => void answer(outside, watch, request, response))),
    (server) =>
      Effect.sync(() => {
        server.closeAllConnections()
        server.close()
      }),
  )
  yield* Effect.promise(() => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve)))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})

/** The adapter over HTTP. */
export const overHttp = (
  url: string,
  headers: Readonly<Record<string, string>> = {},
): Deliveries["Service"] => {
  const call = (path: string, body?: object) =>
    Effect.tryPromise({
      try: async (signal) => {
        const sent = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) }
        const response = await fetch(`${url}/${path}`, { signal, headers, ...sent })
        return { status: response.status, body: (await response.json()) as unknown }
      },
      catch: (error) => new OutsideAway({ reason: String(error) }),
    })
  const receiptIn = (body: unknown) =>
    Option.match(decodeReceipt(body), {
      onNone: () => Effect.fail(new OutsideAway({ reason: "its answer is none" })),
      onSome: ({ receipt }) => Effect.succeed(receipt ?? undefined),
    })

  return Deliveries.of({
    send: Effect.fnUntraced(function* (key, letter) {
      const { body, status } = yield* call("", { key, ...letter })
      const receipt = yield* receiptIn(body)
      if (status === 422) return yield* new OutsideRefuses({ reason: `${letter.to} takes nothing` })
      return receipt ?? (yield* new OutsideAway({ reason: "no receipt" }))
    }),
    find: (key) => Effect.flatMap(call(key), ({ body }) => receiptIn(body)),
  })
}
