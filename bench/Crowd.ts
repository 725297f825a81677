import { WebSocket } from "ws"

const AT_ONCE = 100

/** Many WebSocket clients that only count what they hear. */
export class Crowd {
  readonly #sockets: Array<WebSocket> = []
  #heard = 0
  #wanted = Infinity
  #reached = () => {}

  /** Opens so many connections; each is there once `greet` says so. */
  async open(
    url: string,
    count: number,
    greet: (socket: WebSocket, n: number) => Promise<void>,
  ): Promise<void> {
    for (let from = 0; from < count; from += AT_ONCE) {
      const some = Array.from({ length: Math.min(AT_ONCE, count - from) }, async (_, index) => {
        const socket = new WebSocket(url, { perMessageDeflate: false, skipUTF8Validation: true })
        socket.on("error", () => {})
        await new Promise<void>((resume, fail) => {
          socket.once("open", resume)
          socket.once("error", fail)
        })
        await greet(socket, from + index)
        socket.on("message", this.#count)
        this.#sockets.push(socket)
      })
      await Promise.all(some)
    }
  }

  readonly #count = () => {
    if (++this.#heard >= this.#wanted) this.#reached()
  }

  /** Milliseconds from `start` until so many more messages were heard, by all together. */
  async hear(count: number, start: () => void): Promise<number> {
    this.#heard = 0
    this.#wanted = count
    const all = new Promise<void>((resume, fail) => {
      const timer = setTimeout(() => fail(new Error(`${this.#heard} of ${count} messages in 60 s`)), 60_000)
      this.#reached = () => {
        clearTimeout(timer)
        resume()
      }
    })
    const started = performance.now()
    start()
    await all
    this.#wanted = Infinity
    return performance.now() - started
  }

  get size(): number {
    return this.#sockets.length
  }

  say(text: string): void {
    this.#sockets[0]?.send(text)
  }

  close(): void {
    for (const socket of this.#sockets.splice(0)) socket.terminate()
  }
}
