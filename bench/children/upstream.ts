// upstream.ts: a provider of chat completions that costs next to nothing, so that what is measured is who asks it.
// The path says how it answers, `/<manner>/<anything>/v1/chat/completions`:
//   fast     at once; a stream has a piece in each turn of the loop
//   paced    as a quick model does: the first after 20 ms on average, each piece of a stream 2 ms after the one before
//   held     a stream begins at once, says something each second, and ends when all are let go
//   limited  429, as late as a quick model begins
// GET /state tells how many streams are held and how many requests were refused; GET /release lets all go.
import { type AddressInfo, createServer, type Socket } from "node:net"

/** Never the same for long, or all requests would come to be answered in the same moment. */
const THINKS = [14, 23, 17, 26, 20, 15, 24, 18, 25, 16, 22]
const BETWEEN_PIECES = 2
const BETWEEN_WORDS = 1_000
const WORDS = 18

const chunk = (fields: object) =>
  `data: ${JSON.stringify({
    id: "chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG",
    object: "chat.completion.chunk",
    created: 1_767_225_600,
    model: "native-model",
    service_tier: "default",
    system_fingerprint: "fp_50cad350e4",
    ...fields,
  })}\n\n`
const said = (delta: object, finish_reason: string | null = null) =>
  chunk({ choices: [{ index: 0, delta, logprobs: null, finish_reason }] })

const usage = {
  prompt_tokens: 187,
  completion_tokens: WORDS,
  total_tokens: 187 + WORDS,
  prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
  completion_tokens_details: { reasoning_tokens: 0, audio_tokens: 0 },
}

const framed = (text: string) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`
const STREAM_HEAD =
  "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nCache-Control: no-cache\r\n" +
  "x-request-id: req_f0a1\r\nopenai-processing-ms: 12\r\nTransfer-Encoding: chunked\r\n\r\n"
const END = `${framed("data: [DONE]\n\n")}0\r\n\r\n`

const word = Buffer.from(framed(said({ content: " word" })))
const first = Buffer.from(STREAM_HEAD + framed(said({ role: "assistant", content: "", refusal: null })))
const last = Buffer.from(framed(said({}, "stop")) + END)
const lastWithUsage = Buffer.from(framed(said({}, "stop")) + framed(chunk({ choices: [], usage })) + END)

const answer = (status: string, body: object, headers = "") => {
  const text = JSON.stringify(body)
  return Buffer.from(
    `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nx-request-id: req_f0a1\r\n` +
      `openai-processing-ms: 12\r\n${headers}Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
  )
}
const whole = answer("200 OK", {
  id: "chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG",
  object: "chat.completion",
  created: 1_767_225_600,
  model: "native-model",
  choices: [
    {
      index: 0,
      message: { role: "assistant", content: "word ".repeat(90).trim(), refusal: null, annotations: [] },
      logprobs: null,
      finish_reason: "stop",
    },
  ],
  usage,
  service_tier: "default",
  system_fingerprint: "fp_50cad350e4",
})
const limited = answer("429 Too Many Requests", {
  error: { message: "Rate limit reached.", type: "requests", param: null, code: "rate_limit_exceeded" },
})
const models = answer("200 OK", { object: "list", data: [{ id: "native-model", object: "model" }] })

const held = new Map<Socket, Buffer>()
let refused = 0
let thoughts = 0
const thinkingTime = () => THINKS[thoughts++ % THINKS.length] ?? 20

setInterval(() => {
  for (const socket of held.keys()) socket.write(word)
}, BETWEEN_WORDS)

const release = () => {
  for (const [socket, end] of held) socket.write(end)
  held.clear()
}

/** Writes the words and the end, a piece in each turn of the loop. */
const streamAtOnce = (socket: Socket, end: Buffer) => {
  let left = WORDS
  socket.write(first)
  const next = () => {
    if (socket.destroyed) return
    left -= 1
    socket.write(left < 0 ? end : word)
    if (left >= 0) setImmediate(next)
  }
  setImmediate(next)
}

/** The same, each piece at its time: one that is late does not make the others late. */
const streamInTime = (socket: Socket, end: Buffer) => {
  const started = performance.now()
  let said = 0
  socket.write(first)
  const next = () => {
    if (socket.destroyed) return
    said += 1
    socket.write(said > WORDS ? end : word)
    if (said <= WORDS)
      setTimeout(next, Math.max(0, started + (said + 1) * BETWEEN_PIECES - performance.now()))
  }
  setTimeout(next, BETWEEN_PIECES)
}

const complete = (socket: Socket, manner: string, body: Buffer): void => {
  const isStream = body.includes('"stream":true')
  const end = isStream && body.includes('"include_usage":true') ? lastWithUsage : last
  switch (manner) {
    case "limited":
      refused += 1
      return void setTimeout(() => socket.write(limited), thinkingTime())
    case "held":
      held.set(socket, end)
      socket.once("close", () => held.delete(socket))
      socket.write(first)
      return void socket.write(word)
    case "paced":
      return void setTimeout(() => {
        if (isStream) streamInTime(socket, end)
        else socket.write(whole)
      }, thinkingTime())
    default:
      if (isStream) streamAtOnce(socket, end)
      else socket.write(whole)
  }
}

const HEAD_END = Buffer.from("\r\n\r\n")
const LENGTH = /\r\ncontent-length: *(\d+)/i

const take = (socket: Socket, head: string, body: Buffer): void => {
  const [method, path = ""] = head.split(" ", 2)
  if (method === "POST") return complete(socket, path.split("/", 2)[1] ?? "", body)
  if (path === "/release") release()
  socket.write(path === "/state" ? answer("200 OK", { held: held.size, refused }) : models)
}

const server = createServer({ noDelay: true }, (socket) => {
  let buffered: Buffer = Buffer.alloc(0)
  socket.on("error", () => {})
  socket.on("data", (data: Buffer) => {
    buffered = buffered.length === 0 ? data : Buffer.concat([buffered, data])
    const headEnd = buffered.indexOf(HEAD_END)
    if (headEnd < 0) return
    const head = buffered.toString("latin1", 0, headEnd)
    const bodyAt = headEnd + HEAD_END.length
    const end = bodyAt + Number(LENGTH.exec(head)?.[1] ?? 0)
    if (buffered.length < end) return
    const body = buffered.subarray(bodyAt, end)
    buffered = buffered.subarray(end)
    take(socket, head, body)
  })
})
server.listen({ port: 0, host: "127.0.0.1", backlog: 4_096 }, () => {
  const { port } = server.address() as AddressInfo
  console.log(JSON.stringify({ url: `http://127.0.0.1:${port}` }))
})
