import { WebSocket } from "ws"

export interface Frame {
  readonly type: string
  readonly seq?: number
  // Frames of many types; what a test relies on it asserts.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly data?: any
  readonly [field: string]: unknown
}

/** A real WebSocket client of a node: keeps every frame, and waits for those that a test wants. */
export class Socket {
  readonly frames: Array<Frame> = []
  readonly #ws: WebSocket
  readonly #waiting = new Set<() => void>()
  closed: number | undefined

  constructor(url: string, auth?: object) {
    this.#ws = new WebSocket(`${url.replace("http", "ws")}/ws`)
    if (auth !== undefined) this.#ws.on("open", () => this.send({ type: "auth", ...auth }))
    this.#ws.on("message", (data) => {
      this.frames.push(JSON.parse(String(data)) as Frame)
      this.#wake()
    })
    this.#ws.on("error", () => {})
    this.#ws.on("close", (code) => {
      this.closed = code
      this.#wake()
    })
  }

  send(frame: object): void {
    this.#ws.send(JSON.stringify(frame))
  }

  /** Tears the connection away, as a dead network would. */
  cut(): void {
    this.#ws.terminate()
  }

  /** Waits until this is true of what came; fails when the connection ends before. */
  async until(what: string, is: (socket: Socket) => boolean): Promise<void> {
    while (!is(this)) {
      if (this.closed !== undefined) throw new Error(`the socket closed with ${this.closed} before ${what}`)
      await new Promise<void>((woken) => this.#waiting.add(woken))
    }
  }

  async frame(type: string): Promise<Frame> {
    await this.until(`a ${type} frame`, ({ frames }) => frames.some((frame) => frame.type === type))
    return this.frames.find((frame) => frame.type === type) ?? { type }
  }

  #wake(): void {
    for (const woken of this.#waiting) woken()
    this.#waiting.clear()
  }
}
