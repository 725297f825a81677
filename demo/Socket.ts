import { setTimeout as pause } from "node:timers/promises"
import { WebSocket } from "ws"
import { Mismatch } from "./expect.ts"

/** A frame of the feed. Several frames of one log position are told apart by `idx`. */
export type Frame = {
  readonly type: string
  readonly seq: number
  readonly idx?: number
  readonly data: Readonly<Record<string, unknown>>
}

export interface Greeting {
  readonly slug: string
  readonly lobby_chat_id: string
  readonly projects: ReadonlyArray<{ readonly id: string }>
  readonly seq: number
  readonly epoch: string
}

/** The fields of the first frame. `resume` is the last position that was seen, on the log that `epoch` names. */
export interface Auth {
  readonly token: string
  readonly projects: ReadonlyArray<string>
  readonly resume?: number
  readonly epoch?: string
}

type Status = "online" | "busy" | "idle"
type Answer = Readonly<Record<string, unknown>>
interface Waiting {
  readonly wants: (frame: Answer) => boolean
  readonly resolve: (frame: Answer) => void
  readonly reject: (reason: Error) => void
}

const PATIENCE = 10_000
const BEAT_EVERY = 1_000
const FEED = new Set([
  "message.new",
  "agent.status",
  "task.created",
  "task.updated",
  "task.assigned",
  "task.deleted",
])

/** A connection of a member. Keeps every frame of the feed in the order of arrival. */
export class Socket {
  readonly pushed: Array<Frame> = []
  /** Up to here everything that is for this member has arrived. */
  position = 0
  #greeting: Greeting | undefined
  readonly #owner: string
  readonly #socket: WebSocket
  readonly #waiting = new Set<Waiting>()
  #beats: NodeJS.Timeout | undefined
  #status: Status = "online"
  #asked = 0
  #end: Error | undefined

  private constructor(owner: string, url: string) {
    this.#owner = owner
    this.#socket = new WebSocket(url, { handshakeTimeout: PATIENCE, perMessageDeflate: false })
    this.#socket.on("message", (bytes) => this.#receive(String(bytes)))
    this.#socket.on("error", (error) => this.#over(error))
    this.#socket.on("close", (code) => this.#over(new Error(`the connection was closed with ${code}`)))
  }

  /** Connects and says who it is; there once the server has said that it knows. */
  static async open(owner: string, url: string, auth: Auth): Promise<Socket> {
    const socket = new Socket(owner, url)
    socket.#socket.on("open", () => socket.#send({ type: "auth", ...auth }))
    const welcome = await socket.#next(
      "is let in",
      ({ type }) => type === "auth.ok" || type === "auth.error" || type === "resume.failed",
    )
    if (welcome["type"] !== "auth.ok") throw new Mismatch(`${owner} is let in`, "auth.ok", welcome)
    socket.#greeting = welcome["data"] as Greeting
    socket.#reached(socket.#greeting.seq)
    return socket
  }

  get greeting(): Greeting {
    if (this.#greeting === undefined) throw new Error(`${this.#owner} was not let in`)
    return this.#greeting
  }

  /** Says how it is, now and then again every second. */
  beat(status: Status): void {
    this.#status = status
    const beat = () => this.#send({ type: "heartbeat", status: this.#status })
    beat()
    this.#beats ??= setInterval(beat, BEAT_EVERY)
  }

  /** A chat message over the socket. */
  async say(message: {
    readonly chat_id: string
    readonly content: string
    readonly mentions?: ReadonlyArray<string>
  }): Promise<{ readonly id: string }> {
    return (await this.#ask({ type: "chat.send", ...message }))["data"] as { readonly id: string }
  }

  /** The first frame of this kind after position `after` whose data has all of these values. */
  async hears(type: string, data: Frame["data"], after = 0, within = PATIENCE): Promise<Frame> {
    const wants = (frame: Answer) =>
      isFrame(frame) &&
      frame.type === type &&
      frame.seq > after &&
      Object.entries(data).every(([name, value]) => frame.data[name] === value)
    const known = this.pushed.find(wants)
    if (known !== undefined) return known
    const what = `is sent ${type} ${JSON.stringify(data)} after position ${after}`
    return (await this.#next(what, wants, within)) as Frame
  }

  /** Waits until everything up to this position that is for this member has arrived. */
  async caughtUp(seq: number): Promise<void> {
    const until = performance.now() + PATIENCE
    while (this.position < seq) {
      if (performance.now() > until) {
        throw new Mismatch(`${this.#owner}'s heartbeats are answered with ${seq} or more`, seq, this.position)
      }
      await this.#ask({ type: "heartbeat", status: this.#status })
      if (this.position < seq) await pause(50)
    }
  }

  /** Cuts the line in the middle of whatever was going on: no goodbye, no heartbeats any more. */
  tear(): void {
    this.#end ??= new Error("the line was cut")
    clearInterval(this.#beats)
    this.#socket.terminate()
  }

  close(): void {
    this.#end ??= new Error("the member left")
    clearInterval(this.#beats)
    this.#socket.close()
  }

  #send(frame: object): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(frame))
  }

  async #ask(frame: Answer & { readonly type: string }): Promise<Answer> {
    this.#asked += 1
    const id = `ask-${this.#asked}`
    const answer = this.#next(`is answered ${frame.type}`, (answer) => answer["id"] === id)
    this.#send({ ...frame, id })
    const found = await answer
    if (found["type"] === "error")
      throw new Mismatch(`${this.#owner} may send ${frame.type}`, "no error", found)
    return found
  }

  #next(what: string, wants: Waiting["wants"], within = PATIENCE): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const fail = (found: string) =>
        reject(new Mismatch(`${this.#owner} ${what}`, `within ${within / 1000} s`, found))
      if (this.#end !== undefined) return fail(this.#end.message)
      const timer = setTimeout(() => {
        this.#waiting.delete(waiting)
        fail("nothing")
      }, within)
      const waiting: Waiting = {
        wants,
        resolve: (frame) => {
          clearTimeout(timer)
          resolve(frame)
        },
        reject: ({ message }) => {
          clearTimeout(timer)
          fail(message)
        },
      }
      this.#waiting.add(waiting)
    })
  }

  #receive(text: string): void {
    const frame = JSON.parse(text) as Answer
    if (isFrame(frame)) this.pushed.push(frame)
    if (typeof frame["seq"] === "number") this.#reached(frame["seq"])
    for (const waiting of this.#waiting) {
      if (!waiting.wants(frame)) continue
      this.#waiting.delete(waiting)
      waiting.resolve(frame)
    }
  }

  #reached(seq: number): void {
    this.position = Math.max(this.position, seq)
  }

  #over(reason: Error): void {
    this.#end ??= reason
    clearInterval(this.#beats)
    for (const waiting of this.#waiting) waiting.reject(this.#end)
    this.#waiting.clear()
  }
}

const isFrame = (frame: Answer): frame is Frame => FEED.has(String(frame["type"]))
