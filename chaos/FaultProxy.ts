import { createConnection, createServer, type Server, type Socket } from "node:net"

/** The fate of bytes on their way: all pass, those of the server are lost, or all are. */
export type Mode = "pass" | "swallowAnswers" | "blackhole"

interface Target {
  readonly host: string
  readonly port: number
}

/** A TCP proxy on loopback that delays, loses answers, freezes, or cuts every connection. */
export class FaultProxy {
  mode: Mode = "pass"
  /** For how many milliseconds bytes are held up, each way. */
  delay = 0
  /** The address that new connections lead to; undefined refuses them. */
  target: Target | undefined
  /** Told of everything that the server sent and nobody will get. */
  swallowed: (bytes: Buffer) => void = () => {}
  /** The number of connections that were cut. */
  cuts = 0
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(target: Target | undefined) {
    this.target = target
    this.#server = createServer((client) => {
      if (this.target === undefined) client.destroy()
      else this.#join(client, createConnection(this.target.port, this.target.host))
    })
  }

  static async to(target: Target | undefined): Promise<FaultProxy> {
    const proxy = new FaultProxy(target)
    await new Promise<void>((listening) => proxy.#server.listen(0, "127.0.0.1", listening))
    return proxy
  }

  get port(): number {
    const address = this.#server.address()
    if (address === null || typeof address === "string") throw new Error("the proxy does not listen")
    return address.port
  }

  cut(): void {
    this.cuts += this.#sockets.size / 2
    for (const socket of this.#sockets) socket.destroy()
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((closed) => this.#server.close(closed))
  }

  #join(client: Socket, server: Socket): void {
    this.#carry(client, server, false)
    this.#carry(server, client, true)
  }

  #carry(from: Socket, to: Socket, isAnswer: boolean): void {
    this.#sockets.add(from)
    from.setNoDelay(true)
    from.on("data", (bytes) => {
      if (this.mode === "blackhole" || (isAnswer && this.mode === "swallowAnswers")) {
        if (isAnswer) this.swallowed(bytes)
      } else if (this.delay === 0) to.write(bytes)
      else setTimeout(() => to.destroyed || to.write(bytes), this.delay)
    })
    from.on("error", () => from.destroy())
    from.on("close", () => {
      this.#sockets.delete(from)
      to.destroy()
    })
  }
}
