import { connect, type Socket } from "node:net"

export interface Loaded {
  readonly seconds: number
  /** Milliseconds from the request's first byte out to the answer's last byte in. */
  readonly times: ReadonlyArray<number>
  readonly bodies: ReadonlyArray<string>
  /** The log positions that the answers tell; 0 where one tells none. */
  readonly seqs: ReadonlyArray<number>
}

/** A request as it goes over the line. */
export const request = (
  method: string,
  path: string,
  token: string,
  headers: Readonly<Record<string, string>> = {},
  body = "",
): Buffer => {
  const lines = [
    `${method} ${path} HTTP/1.1`,
    "Host: 127.0.0.1",
    `Authorization: Bearer ${token}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    ...(body === "" ? [] : ["Content-Type: application/json"]),
    ...(method === "GET" ? [] : [`Content-Length: ${Buffer.byteLength(body)}`]),
  ]
  return Buffer.from(`${lines.join("\r\n")}\r\n\r\n${body}`)
}

const HEAD_END = Buffer.from("\r\n\r\n")
const SEQ = /\r\ncrewlog-seq: (\d+)/i
const LENGTH = /\r\ncontent-length: (\d+)/i

/**
 * Keep-alive connections that ask one thing after the other and do next to nothing else: on a small
 * machine the cost of the client is taken from the server.
 */
export class HttpLoad {
  readonly #url: string
  readonly #connections: number
  #sockets: ReadonlyArray<Socket> = []

  constructor(url: string, connections: number) {
    this.#url = url
    this.#connections = connections
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  /** Asks all of it, as many at a time as there are connections. Throws unless every answer is a good one. */
  async run(requests: ReadonlyArray<Buffer>, keepBodies = false): Promise<Loaded> {
    const times: Array<number> = []
    const bodies: Array<string> = []
    const seqs: Array<number> = []
    let next = 0
    const take = () => requests[next++]
    await this.#connect()
    const started = performance.now()
    await Promise.all(
      this.#sockets.map((socket) => work(socket, take, times, seqs, keepBodies ? bodies : undefined)),
    )
    return { seconds: (performance.now() - started) / 1_000, times, bodies, seqs }
  }

  /** Only now: a server closes what is silent for long. */
  async #connect(): Promise<void> {
    const alive = this.#sockets.filter((socket) => !socket.destroyed)
    const missing = Array.from({ length: this.#connections - alive.length }, () => connectedTo(this.#url))
    this.#sockets = [...alive, ...(await Promise.all(missing))]
  }
}

const connectedTo = (url: string): Promise<Socket> =>
  new Promise((resume, fail) => {
    const { hostname, port } = new URL(url)
    const socket = connect({ host: hostname, port: Number(port), noDelay: true }, () => resume(socket))
    socket.once("error", fail)
  })

const work = (
  socket: Socket,
  take: () => Buffer | undefined,
  times: Array<number>,
  seqs: Array<number>,
  bodies: Array<string> | undefined,
): Promise<void> =>
  new Promise((resume, fail) => {
    let buffered: Buffer = Buffer.alloc(0)
    let sentAt = 0
    const end = (error?: Error) => {
      socket.off("data", receive)
      socket.off("close", closed)
      if (error === undefined) resume()
      else fail(error)
    }
    const closed = () => end(new Error("the server closed the connection"))
    const ask = () => {
      const one = take()
      if (one === undefined) return end()
      sentAt = performance.now()
      socket.write(one)
    }
    const receive = (data: Buffer) => {
      buffered = buffered.length === 0 ? data : Buffer.concat([buffered, data])
      const headEnd = buffered.indexOf(HEAD_END)
      if (headEnd === -1) return
      const head = buffered.toString("latin1", 0, headEnd)
      const bodyAt = headEnd + HEAD_END.length
      const length = Number(LENGTH.exec(head)?.[1] ?? 0)
      if (buffered.length < bodyAt + length) return
      if (head.charCodeAt(9) !== 0x32) return end(new Error(`${head}\n${buffered.toString("utf8", bodyAt)}`))
      times.push(performance.now() - sentAt)
      seqs.push(Number(SEQ.exec(head)?.[1] ?? 0))
      bodies?.push(buffered.toString("utf8", bodyAt, bodyAt + length))
      buffered = buffered.subarray(bodyAt + length)
      ask()
    }
    socket.on("data", receive)
    socket.on("close", closed)
    ask()
  })
