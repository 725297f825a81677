import { connect, type Socket } from "node:net"

/** The outcome of many chat completions. */
export interface Chats {
  readonly seconds: number
  /** Milliseconds from the request's first byte out to the answer's last byte in. */
  readonly times: ReadonlyArray<number>
  /** Milliseconds until the first byte of an answer came in. */
  readonly firsts: ReadonlyArray<number>
  /** Answers that were no good ones, as they were. */
  readonly failures: ReadonlyArray<string>
  /** All answers without their heads, when they are kept. */
  readonly bodies: ReadonlyArray<string>
}

const HEAD_END = Buffer.from("\r\n\r\n")
const LENGTH = /\r\ncontent-length: *(\d+)/i
/** The last chunk of a body, behind the end of the one before. */
const LAST_CHUNK = "\r\n0\r\n\r\n"
const END_OF_EVENTS = "data: [DONE]"

const connection = (url: string): Promise<Socket> => {
  const { hostname, port } = new URL(url)
  return new Promise((resume, fail) => {
    const socket = connect({ host: hostname, port: Number(port), noDelay: true }, () => resume(socket))
    // What comes after it is open is told by its end.
    socket.on("error", fail)
  })
}

/** An answer as it comes in, looked at no more than is needed to see its end. */
class Answer {
  readonly #keeps: boolean
  readonly #parts: Array<Buffer> = []
  #head = ""
  /** Bytes of the body still to come; undefined where chunks tell the end. */
  #left: number | undefined
  #tail = ""

  constructor(keeps: boolean) {
    this.#keeps = keeps
  }

  /** Answers whether this was all of it. */
  push(data: Buffer): boolean {
    if (this.#head !== "") return this.#pushBody(data)
    const whole = this.#parts.length === 0 ? data : Buffer.concat([...this.#parts.splice(0), data])
    const headEnd = whole.indexOf(HEAD_END)
    if (headEnd < 0) {
      this.#parts.push(whole)
      return false
    }
    this.#head = whole.toString("latin1", 0, headEnd)
    const length = LENGTH.exec(this.#head)
    this.#left = length === null ? undefined : Number(length[1])
    // An empty body is in one chunk alone, with no other before it.
    this.#tail = "\r\n"
    return this.#pushBody(whole.subarray(headEnd + HEAD_END.length))
  }

  /** The fault of an answer; undefined when it has none. */
  failure(isStream: boolean): string | undefined {
    const isGood = this.#head.startsWith("HTTP/1.1 200") && (!isStream || this.#tail.includes(END_OF_EVENTS))
    return isGood ? undefined : `${this.#head.slice(0, 400)} ... ${this.#tail}`
  }

  get body(): string {
    return Buffer.concat(this.#parts).toString()
  }

  #pushBody(data: Buffer): boolean {
    if (this.#keeps) this.#parts.push(data)
    const { length } = data
    this.#tail =
      length >= 64 ? data.toString("latin1", length - 64) : (this.#tail + data.toString("latin1")).slice(-64)
    if (this.#left === undefined) return this.#tail.endsWith(LAST_CHUNK)
    this.#left -= length
    return this.#left <= 0
  }
}

/**
 * Keep-alive connections that ask for one chat completion after the other, whole ones or streams, and do next to
 * nothing else: on a small machine the cost of the client is taken from the server.
 */
export class ChatLoad {
  readonly #url: string
  readonly #sockets: Array<Socket>

  private constructor(url: string, sockets: Array<Socket>) {
    this.#url = url
    this.#sockets = sockets
  }

  static async open(url: string, connections: number): Promise<ChatLoad> {
    const sockets = await Promise.all(Array.from({ length: connections }, () => connection(url)))
    return new ChatLoad(url, sockets)
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  /** Asks `count` times, as many at a time as there are connections. */
  async run(count: number, requests: ReadonlyArray<Buffer>, keepBodies = false): Promise<Chats> {
    const chats = {
      times: [] as Array<number>,
      firsts: [] as Array<number>,
      failures: [] as Array<string>,
      bodies: [] as Array<string>,
    }
    const isStream = requests[0]?.includes('"stream":true') === true
    let asked = 0
    const take = () => (asked < count ? requests[asked++ % requests.length] : undefined)
    const started = performance.now()
    await Promise.all(
      this.#sockets.map(async (_, n) => {
        for (;;) {
          const socket = this.#sockets[n]
          if (socket === undefined) return
          const isClosed = await work(socket, { take, isStream, keepBodies, ...chats })
          if (!isClosed) return
          this.#sockets[n] = await connection(this.#url)
        }
      }),
    )
    return { ...chats, seconds: (performance.now() - started) / 1_000 }
  }
}

interface Work {
  readonly take: () => Buffer | undefined
  readonly isStream: boolean
  readonly keepBodies: boolean
  readonly times: Array<number>
  readonly firsts: Array<number>
  readonly failures: Array<string>
  readonly bodies: Array<string>
}

/** Asks on one connection until there is nothing to ask any more, or until it is closed: then it answers true. */
const work = (
  socket: Socket,
  { bodies, failures, firsts, isStream, keepBodies, take, times }: Work,
): Promise<boolean> =>
  new Promise((resume) => {
    let answer: Answer | undefined
    let sentAt = 0
    let firstAt = 0
    const end = (isClosed: boolean) => {
      socket.off("data", receive)
      socket.off("close", closed)
      resume(isClosed)
    }
    const closed = () => {
      if (answer !== undefined) failures.push("the connection was closed")
      end(true)
    }
    const ask = () => {
      const request = take()
      answer = undefined
      if (request === undefined) return end(false)
      answer = new Answer(keepBodies)
      firstAt = 0
      sentAt = performance.now()
      socket.write(request)
    }
    const receive = (data: Buffer) => {
      if (answer === undefined) return
      if (firstAt === 0) firstAt = performance.now()
      if (!answer.push(data)) return
      const failure = answer.failure(isStream)
      if (failure !== undefined) failures.push(failure)
      times.push(performance.now() - sentAt)
      firsts.push(firstAt - sentAt)
      if (keepBodies) bodies.push(answer.body)
      ask()
    }
    socket.on("data", receive)
    socket.on("close", closed)
    if (socket.destroyed) end(true)
    else ask()
  })
