import { createConnection, createServer, type Server, type Socket } from "node:net"

/** What happens to bytes that come back from the server. */
export type Mode = "pass" | "swallowAnswers" | "blackhole"

/** A TCP proxy on loopback that loses answers, freezes, or cuts every connection. */
export class FaultProxy {
  mode: Mode = "pass"
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(target: { readonly host: string; readonly port: number }) {
    this.#server = createServer((client) => {
      const server = createConnection(target.port, target.host)
      this.#join(client, server)
    })
  }

  static async to(target: { readonly host: string; readonly port: number }): Promise<FaultProxy> {
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
    for (const socket of this.#sockets) socket.destroy()
  }

  async close(): Promise<void> {
    this.cut()
    await new Promise((closed) => this.#server.close(closed))
  }

  #join(client: Socket, server: Socket): void {
    for (const [from, to, swallowed] of [
      [client, server, ["blackhole"]],
      [server, client, ["blackhole", "swallowAnswers"]],
    ] as const) {
      this.#sockets.add(from)
      from.setNoDelay(true)
      from.on("data", (bytes) => {
        if (!(swallowed as ReadonlyArray<Mode>).includes(this.mode)) to.write(bytes)
      })
      from.on("error", () => from.destroy())
      from.on("close", () => {
        this.#sockets.delete(from)
        to.destroy()
      })
    }
  }
}
