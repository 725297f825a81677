import { Effect } from "effect"
import type { Duplex } from "node:stream"
import type { WebSocket } from "ws"
import { type Closing, closings } from "./closeCodes.ts"

/** Unsent bytes at which a reader counts as too slow (architecture.md section 7). */
const UNSENT = 1024 * 1024
/** Bytes handed to the kernel in one go. */
const AT_ONCE = 128 * 1024

/**
 * A socket that we write to. Frames are bytes already and go past `ws` straight to the TCP socket, which it
 * allows for while nothing is compressed; the order with its own pings and closings stays what it is.
 */
export class Connection {
  readonly #ws: WebSocket
  readonly #socket: Duplex
  #isOpen = true

  constructor(ws: WebSocket, socket: Duplex) {
    this.#ws = ws
    this.#socket = socket
  }

  /** False from the moment that either side closes. */
  get isOpen(): boolean {
    return this.#isOpen
  }

  /** Writes frames in their order. A reader with too much unsent is closed instead. */
  write(frames: ReadonlyArray<Buffer>): void {
    const socket = this.#socket
    for (let next = 0; next < frames.length && this.#isOpen;) {
      if (socket.writableLength > UNSENT) return this.close(closings.slowConsumer)
      socket.cork()
      for (let bytes = 0; next < frames.length && bytes < AT_ONCE; next++) {
        const frame = frames[next]
        if (frame === undefined) continue
        bytes += frame.length
        socket.write(frame)
      }
      socket.uncork()
    }
  }

  send(frame: Buffer): void {
    if (!this.#isOpen) return
    if (this.#socket.writableLength > UNSENT) return this.close(closings.slowConsumer)
    this.#socket.write(frame)
  }

  /** Waits until the kernel took what was written, or the connection is over. */
  readonly drained: Effect.Effect<void> = Effect.callback((resume) => {
    const socket = this.#socket
    if (!this.#isOpen || !socket.writableNeedDrain) return resume(Effect.void)
    const done = () => {
      socket.off("drain", done)
      socket.off("close", done)
      resume(Effect.void)
    }
    socket.on("drain", done)
    socket.on("close", done)
    return Effect.sync(done)
  })

  ping(): void {
    if (this.#isOpen) this.#ws.ping()
  }

  /** Says why and waits for the client to agree; `ws` cuts the line when it does not. */
  close({ code, reason }: Closing): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#ws.close(code, reason)
  }

  terminate(): void {
    this.#isOpen = false
    this.#ws.terminate()
  }

  /** The other side has closed, or the line is cut. */
  closed(): void {
    this.#isOpen = false
  }
}
