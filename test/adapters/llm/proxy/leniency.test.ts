import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo, Socket } from "node:net"
import { setTimeout } from "node:timers/promises"
import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib"
import Anthropic from "@anthropic-ai/sdk"
import OpenAI from "openai"
import { describe, expect, it, onTestFinished } from "vitest"
import { InterimAnswers } from "../../../../src/adapters/llm/proxy/InterimAnswers.ts"
import { LineEnds } from "../../../../src/adapters/llm/proxy/LineEnds.ts"
import { chatAnswer, chatEvents, messagesAnswer, messagesEvents } from "../../../support/providerAnswers.ts"
import type { Reply } from "../../../support/upstream.ts"
import { backendAt, MODEL, NATIVE, openGateway, openOne } from "./gateway.ts"

/** Bytes as a provider may send them, in pieces. */
const bytes =
  (...pieces: ReadonlyArray<string | Buffer>): Reply =>
  async (_received, response) => {
    const { socket } = response
    for (const piece of pieces) {
      socket?.write(piece)
      await setTimeout(5)
    }
    socket?.end()
  }

const head = (headers: Readonly<Record<string, string>>, status = "200 OK") =>
  `HTTP/1.1 ${status}\r\n${Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join("")}\r\n`

const STREAM = { "content-type": "text/event-stream" }
const JSON_TYPE = { "content-type": "application/json" }
const events = chatEvents(NATIVE, ["Grüße ", "there"]).join("")
const whole = JSON.stringify(chatAnswer(NATIVE, "Grüße there"))
const lone = events.replaceAll("\n", "\r")
const mark = "\ufeff"
const codings = ["none", "NONE", "Identity", "identity", "utf-8", "chunked", "aws-chunked", "text", ""]

const packers = [
  ["gzip", gzipSync],
  ["x-gzip", gzipSync],
  ["deflate", deflateSync],
  ["br", brotliCompressSync],
  ["GZIP", gzipSync],
] as const

type Row = readonly [name: string, pieces: ReadonlyArray<string | Buffer>]

/** Streams of a chat as they may come. A row is a line. */
const streams: ReadonlyArray<Row> = [
  ["as it should be", [head(STREAM), events]],
  ["with a charset", [head({ "content-type": "text/event-stream; charset=utf-8" }), events]],
  ["in capitals", [head({ "content-type": "Text/Event-Stream" }), events]],
  ["without a content type", [head({}), events]],
  ["as plain text", [head({ "content-type": "text/plain; charset=utf-8" }), events]],
  ["as JSON", [head(JSON_TYPE), events]],
  ["as bytes", [head({ "content-type": "application/octet-stream" }), events]],
  ["as JSON, with a comment and blanks before it", [head(JSON_TYPE), "\n", "\n: x\n\n", events]],
  ...codings.map((coding): Row => [
    `with the coding ${JSON.stringify(coding)}`,
    [head({ ...STREAM, "content-encoding": coding }), events],
  ]),
  ["behind 100 Continue", ["HTTP/1.1 100 Continue\r\n\r\n", head(STREAM), events]],
  ["behind 100 Continue in one piece", [`HTTP/1.1 100 Continue\r\n\r\n${head(STREAM)}${events}`]],
  [
    "behind 100 Continue twice",
    ["HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 100 Continue\r\na: b\r\n\r\n", head(STREAM), events],
  ],
  [
    "behind 102 and 103",
    [
      "HTTP/1.1 102 Processing\r\n\r\n",
      "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n",
      head(STREAM),
      events,
    ],
  ],
  ["with CRLF", [head(STREAM), events.replaceAll("\n", "\r\n")]],
  ["with CR alone", [head(STREAM), lone]],
  ["with CR alone, in pieces", [head(STREAM), ...lone.split(/(?<=\r)/)]],
  ["with a byte order mark", [head(STREAM), `${mark}${events}`]],
  ["with a byte order mark, as text", [head({ "content-type": "text/plain" }), `${mark}${events}`]],
  ["without a blank after the colon", [head(STREAM), events.replaceAll("data: ", "data:")]],
  ["without its last blank line", [head(STREAM), events.trimEnd()]],
  ["without [DONE]", [head(STREAM), events.replace("data: [DONE]\n\n", "")]],
  [
    "with ids and times to retry",
    [head(STREAM), "retry: 3000\n\n", events.replaceAll("data: ", "id: 7\ndata: ")],
  ],
  ["with names of events", [head(STREAM), events.replaceAll("data: ", "event: message\ndata: ")]],
  ["with JSON over two lines", [head(STREAM), events.replaceAll(',"choices"', ',\ndata: "choices"')]],
  ...packers.map(([coding, pack]): Row => [
    `in ${coding}`,
    [head({ ...STREAM, "content-encoding": coding }), pack(Buffer.from(events))],
  ]),
  [
    "in gzip without its end",
    [head({ ...STREAM, "content-encoding": "gzip" }), gzipSync(events).subarray(0, -8)],
  ],
  ["that is no gzip", [head({ ...STREAM, "content-encoding": "gzip" }), events]],
  ["with status 201", [head(STREAM, "201 Created"), events]],
  ["with an error", [head(STREAM), 'data: {"error":{"message":"x","code":500}}\n\n']],
  ["with an error that is empty", [head(STREAM), 'data: {"error":{}}\n\n']],
  ["with an event called error", [head(STREAM), 'event: error\ndata: {"message":"x"}\n\n']],
  [
    "with an event called error behind output",
    [
      head(STREAM),
      events.slice(0, 400).replace(/\n\n[^]*$/, "\n\n"),
      'event: error\ndata: {"message":"x"}\n\n',
    ],
  ],
]

const wholes: ReadonlyArray<Row> = [
  ["as it should be", [head(JSON_TYPE), whole]],
  ["as other JSON", [head({ "content-type": "application/vnd.api+json; charset=utf-8" }), whole]],
  ...codings.map((coding): Row => [
    `with the coding ${JSON.stringify(coding)}`,
    [head({ ...JSON_TYPE, "content-encoding": coding }), whole],
  ]),
  ...packers.map(([coding, pack]): Row => [
    `in ${coding}`,
    [head({ ...JSON_TYPE, "content-encoding": coding }), pack(Buffer.from(whole))],
  ]),
  ["with a byte order mark", [head(JSON_TYPE), `${mark}${whole}`]],
  ["behind 100 Continue", ["HTTP/1.1 100 Continue\r\n\r\n", head(JSON_TYPE), whole]],
  ["behind 100 Continue a byte at a time", [..."HTTP/1.1 100 Continue\r\n\r\n", head(JSON_TYPE), whole]],
  ["behind 103", ["HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n", head(JSON_TYPE), whole]],
  ["behind blank lines", [head(JSON_TYPE), "\n", "\n", whole]],
  ["with HTTP/1.0", [head(JSON_TYPE).replace("1.1", "1.0"), whole]],
  [
    "with a text that says HTTP/1.1 100 Continue",
    [
      head(JSON_TYPE),
      JSON.stringify(chatAnswer(NATIVE, "x")).replace('"x"', '"'),
      "HTTP/1.1 100 Continue",
      JSON.stringify(chatAnswer(NATIVE, "x")).split('"x')[1] ?? "",
    ],
  ],
  ["that is cut", [head({ ...JSON_TYPE, "content-length": "9999" }), whole]],
  ["that is no JSON", [head(JSON_TYPE), "sorry"]],
]

const request = { model: MODEL, messages: [{ role: "user" as const, content: "Hi" }] }
type Told = ReadonlyArray<unknown> | "failed"

/** The result that OpenAI's client has of this place, under the name of the model that it asked for. */
const openAiTold = async (baseURL: string, stream: boolean): Promise<Told> => {
  const client = new OpenAI({ baseURL, apiKey: "tb-member", maxRetries: 0, logLevel: "off" })
  const parts: Array<unknown> = []
  try {
    const answer = await client.chat.completions.create({ ...request, stream })
    if (Symbol.asyncIterator in answer) for await (const part of answer) parts.push({ ...part, model: MODEL })
    else parts.push({ ...answer, model: MODEL })
  } catch {
    return "failed"
  }
  return parts
}

/** The same bytes without `100 Continue`, at which node's own `fetch`, and with it each client, breaks off. */
const withoutContinue = (pieces: ReadonlyArray<string | Buffer>): Buffer => {
  const sent = Buffer.concat(pieces.map((piece) => Buffer.from(piece as string)))
  return Buffer.from(sent.toString("latin1").replace(/^(?:HTTP\/1\.1 100[^]*?\r\n\r\n)+/, ""), "latin1")
}

const compared = async (pieces: ReadonlyArray<string | Buffer>, stream: boolean) => {
  const { gateway, upstream } = await openOne({}, { options: { queue_seconds: 0.01 } })
  upstream.always(bytes(withoutContinue(pieces)))
  const direct = await openAiTold(`${upstream.url}/v1`, stream)
  upstream.always(bytes(...pieces))
  return [direct, await openAiTold(`${gateway.url}/v1`, stream)] as const
}

describe("OpenAI's client", () => {
  it.each(streams)(
    "OpenAI's client has the same of a stream %s, with the gateway and without",
    async (_name, pieces) => {
      const [direct, through] = await compared(pieces, true)
      expect(through).toEqual(direct)
    },
  )

  it.each(wholes)(
    "OpenAI's client has the same of an answer %s, with the gateway and without",
    async (_name, pieces) => {
      const [direct, through] = await compared(pieces, false)
      expect(through).toEqual(direct)
    },
  )

  it("a stream as JSON is read by the official client", async () => {
    const [direct] = await compared([head(JSON_TYPE), events], true)
    expect(direct).toHaveLength(4)
  })
})

const messages = messagesEvents(NATIVE, ["Hel", "lo"]).join("")
const messagesWhole = JSON.stringify(messagesAnswer(NATIVE))

const anthropicRows: ReadonlyArray<readonly [name: string, stream: boolean, pieces: ReadonlyArray<string>]> =
  [
    ["a stream", true, [head(STREAM), messages]],
    ["a stream as plain text", true, [head({ "content-type": "text/plain" }), messages]],
    ["a stream of no coding", true, [head({ ...STREAM, "content-encoding": "none" }), messages]],
    ["a stream with CR alone", true, [head(STREAM), messages.replaceAll("\n", "\r")]],
    ["a stream with a byte order mark before a comment", true, [head(STREAM), `${mark}: x\n\n${messages}`]],
    ["a stream without its end", true, [head(STREAM), messages.replace(/event: message_stop[^]*/, "")]],
    [
      "a stream with an error",
      true,
      [head(STREAM), 'event: error\ndata: {"type":"error","error":{"type":"api_error"}}\n\n'],
    ],
    ["an answer", false, [head(JSON_TYPE), messagesWhole]],
    ["an answer with a byte order mark", false, [head(JSON_TYPE), `${mark}${messagesWhole}`]],
    [
      "an answer behind 100 Continue",
      false,
      ["HTTP/1.1 100 Continue\r\n\r\n", head(JSON_TYPE), messagesWhole],
    ],
  ]

const anthropicTold = async (baseURL: string, stream: boolean): Promise<Told> => {
  const client = new Anthropic({ baseURL, apiKey: "tb-member", maxRetries: 0, logLevel: "off" })
  const text = (part: object) => JSON.stringify(part).replaceAll(`"${NATIVE}"`, `"${MODEL}"`)
  const parts: Array<unknown> = []
  try {
    const answer = await client.messages.create({ ...request, max_tokens: 9, stream })
    if (Symbol.asyncIterator in answer) for await (const part of answer) parts.push(text(part))
    else parts.push(text(answer))
  } catch {
    return "failed"
  }
  return parts
}

describe("Anthropic's client", () => {
  it.each(anthropicRows)(
    "Anthropic's client has the same of %s, with the gateway and without",
    async (_name, stream, pieces) => {
      const { gateway, upstream } = await openOne({ api: "anthropic-messages" }, {}, "")
      upstream.always(bytes(withoutContinue(pieces)))
      const direct = await anthropicTold(upstream.url, stream)
      upstream.always(bytes(...pieces))
      const through = await anthropicTold(gateway.url, stream)
      expect(through).toEqual(direct)
    },
  )
})

describe("An interim answer", () => {
  const final = "HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
  it.each([
    ["100", "HTTP/1.1 100 Continue\r\n\r\n", ""],
    ["100 with headers", "HTTP/1.1 100 Continue\r\na: b\r\n\r\n", ""],
    ["100 without words", "HTTP/1.1 100\r\n\r\n", ""],
    ["103", "HTTP/1.1 103 Early Hints\r\n\r\n", "HTTP/1.1 103 Early Hints\r\n\r\n"],
    ["1000", "HTTP/1.1 1000 \r\n\r\n", "HTTP/1.1 1000 \r\n\r\n"],
  ])("an interim answer (%s) is taken away or left, however its bytes come", (_name, interim, left) => {
    for (const size of [1, 2, 7, 13, 1_000]) {
      const filter = new InterimAnswers()
      filter.await()
      const text = interim + final
      let out = ""
      for (let at = 0; at < text.length; at += size)
        out += filter.take(Buffer.from(text.slice(at, at + size))).toString()
      expect(out).toBe(left + final)
    }
  })
})

describe("The ends of lines", () => {
  it.each([
    ["a\n\nb\n\n", "a\n\nb\n\n"],
    ["a\r\n\r\nb\r\n\r\n", "a\r\n\r\nb\r\n\r\n"],
    ["a\r\rb\r\r", "a\n\nb\n\n"],
    ["\u00ef\u00bb\u00bfa\r\rb\r\r", "a\n\nb\n\n"],
    ["\u00ef\u00bba\n\n", "\u00ef\u00bba\n\n"],
  ])("line ends of %j are %j, however they come", (text, expected) => {
    for (const size of [1, 2, 3, 100]) {
      const ends = new LineEnds()
      let out = ""
      for (let at = 0; at < text.length; at += size) out += ends.take(text.slice(at, at + size))
      expect(out.replace(/\n?$/, "\n")).toBe(expected)
    }
  })
})

describe("A connection that was kept and is closed just as a request goes out", () => {
  it("a connection that was kept and is closed just then costs none of many requests at once", async () => {
    let kept: Socket | undefined
    const server = createServer({ keepAliveTimeout: 60_000 }, async (request, response) => {
      for await (const _chunk of request);
      // All but the first of the requests on it get nothing.
      if (request.socket === kept) return void request.socket.destroy()
      kept ??= request.socket
      response.setHeader("content-type", "application/json").end(whole)
    })
    server.listen(0, "127.0.0.1")
    await once(server, "listening")
    onTestFinished(() => {
      server.closeAllConnections()
      server.close()
    })
    const { port } = server.address() as AddressInfo
    const gateway = await openGateway([backendAt(`http://127.0.0.1:${port}/v1`)])
    await gateway.chat()
    const answers = await Promise.all(Array.from({ length: 8 }, () => gateway.chat()))
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 8 }, () => 200))
  })

  it("a connection that was new is not tried again", async () => {
    const server = createServer((request) => void request.socket.destroy())
    server.listen(0, "127.0.0.1")
    await once(server, "listening")
    onTestFinished(() => void server.close())
    let connections = 0
    server.on("connection", () => (connections += 1))
    const { port } = server.address() as AddressInfo
    const gateway = await openGateway([backendAt(`http://127.0.0.1:${port}/v1`)])
    expect((await gateway.chat()).status).toBe(503)
    expect(connections).toBe(1)
  })
})
