import { WebSocket } from "ws"
import type { Member } from "./Client.ts"
import type { CrewNode } from "./CrewNode.ts"
import type { Random } from "./Random.ts"
import type { Json } from "./Rest.ts"
import type { Scene } from "./Scene.ts"
import { pause, until } from "./waiting.ts"

export interface Received {
  readonly seq: number
  readonly idx: number
  readonly type: string
  readonly data: Json
}

const PUSHED = new Set([
  "message.new",
  "task.created",
  "task.updated",
  "task.assigned",
  "task.deleted",
  "agent.status",
])
const BEFORE_RECONNECT = 60

/** A member's socket that comes back whenever it is lost, and resumes where it was, on any node. */
export class Listener {
  readonly member: Member
  readonly received: Array<Received> = []
  /** The position at which the very first connection began. */
  from = 0
  resumes = 0
  readonly refusals: Array<string> = []
  readonly #nodes: ReadonlyArray<CrewNode>
  readonly #project: string
  readonly #random: Random
  #epoch: string | undefined
  #position: { seq: number; idx?: number } | undefined
  #answered = -1
  #isOver = false
  #socket: WebSocket | undefined

  constructor(scene: Scene, nodes: ReadonlyArray<CrewNode>, member: Member, project: string, random: Random) {
    for (const { http } of nodes) scene.mustOwn(http)
    this.member = member
    this.#nodes = nodes
    this.#project = project
    this.#random = random
    scene.onEnd(() => this.end())
    void this.#live()
  }

  /** Waits for its first greeting. */
  async ready(): Promise<void> {
    await until(`${this.member.slug} is greeted`, () => this.#epoch, 30_000)
  }

  /** Cuts the connection without a word. */
  drop(): void {
    this.#socket?.terminate()
  }

  end(): void {
    this.#isOver = true
    this.drop()
  }

  /** Waits until the server says that it has sent everything up to a position. */
  async caughtUp(seq: number): Promise<void> {
    await until(
      `${this.member.slug} is told everything up to ${seq}, is at ${this.#answered}`,
      async () => {
        if (this.#answered >= seq) return true
        if (this.#socket?.readyState === WebSocket.OPEN) this.#send({ type: "heartbeat", status: "online" })
        await pause(50)
        return undefined
      },
      30_000,
    )
  }

  async #live(): Promise<void> {
    while (!this.#isOver) {
      await this.#connection(this.#random.pick(this.#nodes))
      await pause(BEFORE_RECONNECT)
    }
  }

  #connection(node: CrewNode): Promise<void> {
    return new Promise((over) => {
      const socket = new WebSocket(`${node.http.replace("http", "ws")}/ws`, { perMessageDeflate: false })
      this.#socket = socket
      socket.on("error", () => {})
      socket.on("close", () => over())
      socket.on("open", () => this.#send(this.#auth()))
      socket.on("message", (bytes: Buffer) => {
        if (this.#socket === socket) this.#hear(JSON.parse(bytes.toString()) as Json)
      })
    })
  }

  #auth() {
    const { idx, seq } = this.#position ?? {}
    const resume =
      seq === undefined ? {} : { resume: seq, epoch: this.#epoch, ...(idx === undefined ? {} : { idx }) }
    return { type: "auth", token: this.member.token, projects: [this.#project], ...resume }
  }

  #send(frame: object): void {
    this.#socket?.send(JSON.stringify(frame), () => {})
  }

  #hear(frame: Json): void {
    const type = String(frame["type"])
    if (type === "auth.ok") {
      const { epoch, seq } = frame["data"]
      if (this.#epoch === undefined) {
        this.#epoch = epoch
        this.from = seq
        this.#position = { seq }
      } else this.resumes++
    } else if (type === "heartbeat.ok") {
      const seq = Number(frame["seq"])
      this.#answered = Math.max(this.#answered, seq)
      if (seq > (this.#position?.seq ?? 0)) this.#position = { seq }
    } else if (PUSHED.has(type)) {
      const [seq, idx] = [Number(frame["seq"]), Number(frame["idx"] ?? 0)]
      this.received.push({ seq, idx, type, data: frame["data"] })
      this.#position = { seq, idx }
    } else if (type === "error" && frame["code"] === "read_model_unavailable") {
      // An outage that is said aloud: the connection ends, and the next one resumes.
    } else if (type === "resume.failed" || type === "auth.error" || type === "error") {
      this.refusals.push(JSON.stringify(frame).slice(0, 300))
    }
  }
}
