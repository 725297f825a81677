import { WebSocket } from "ws"
import { pause, quantile, quantiles, rounded } from "../figures.ts"
import { HttpLoad, request } from "../HttpLoad.ts"
import { ADMIN, Program } from "../Program.ts"
import { atMost } from "../Row.ts"
import { type Run, sized } from "../Run.ts"
import { type Agent, seedCrew } from "../seed.ts"
import { withSeedServer } from "../SeedServer.ts"

const AGENTS = 500
const EVENTS_A_SECOND = 20
const CUT_EVERY = 15_000
const AWAY_FOR = 2_000
const ALL_HERE_WITHIN = 30_000

interface FrameSeq {
  readonly seq: number
  readonly idx: number
}

/** An agent that loses its connection again and again, and takes up where it was. */
class Jittery {
  readonly heard: Array<number> = []
  readonly catchUps: Array<number> = []
  refused = 0
  twice = 0
  disordered = 0
  #at: FrameSeq | undefined
  #epoch = ""
  #socket: WebSocket | undefined
  #cutter: NodeJS.Timeout | undefined
  #behind: { readonly until: number; readonly since: number } | undefined
  #isOver = false
  readonly #url: string
  readonly #agent: Agent
  readonly #project: string
  readonly #head: () => number

  constructor(url: string, agent: Agent, project: string, head: () => number) {
    this.#url = url
    this.#agent = agent
    this.#project = project
    this.#head = head
  }

  get epoch(): string {
    return this.#epoch
  }

  connect(cutIn = CUT_EVERY): void {
    if (this.#isOver) return
    const socket = new WebSocket(this.#url, { perMessageDeflate: false })
    this.#socket = socket
    const since = performance.now()
    if (this.#at !== undefined) this.#behind = { until: this.#head(), since }
    socket.on("open", () => socket.send(JSON.stringify(this.#auth())))
    socket.on("message", (data: Buffer) => this.#receive(data.toString()))
    socket.on("error", () => {})
    socket.on("close", () => {
      if (!this.#isOver) setTimeout(() => this.connect(), AWAY_FOR)
    })
    this.#cutter = setTimeout(() => socket.terminate(), cutIn)
  }

  /** No more cuts: what is still on its way may come. */
  calm(): void {
    clearTimeout(this.#cutter)
  }

  end(): void {
    this.#isOver = true
    clearTimeout(this.#cutter)
    this.#socket?.terminate()
  }

  #auth() {
    const { token } = this.#agent
    const projects = [this.#project]
    if (this.#at === undefined) return { type: "auth", token, projects }
    return { type: "auth", token, projects, resume: this.#at.seq, idx: this.#at.idx, epoch: this.#epoch }
  }

  #receive(text: string): void {
    const frame = JSON.parse(text) as {
      readonly type: string
      readonly seq?: number
      readonly idx?: number
      readonly data?: { readonly epoch?: string; readonly seq?: number }
    }
    if (frame.type === "auth.ok") {
      this.#epoch = frame.data?.epoch ?? ""
      this.#at ??= { seq: frame.data?.seq ?? 0, idx: Number.MAX_SAFE_INTEGER }
      if (this.#at.idx === Number.MAX_SAFE_INTEGER) this.#at = { seq: this.#at.seq, idx: 1_000_000 }
    }
    if (frame.type === "resume.failed") this.refused += 1
    const { idx = 0, seq } = frame
    if (seq === undefined || this.#at === undefined) return
    const { at } = this.#place(seq, idx)
    if (frame.type === "message.new") this.heard.push(at.seq)
    if (this.#behind !== undefined && seq >= this.#behind.until) {
      this.catchUps.push(performance.now() - this.#behind.since)
      this.#behind = undefined
    }
  }

  #place(seq: number, idx: number): { readonly at: FrameSeq } {
    const before = this.#at
    const at = { seq, idx }
    if (before !== undefined) {
      if (seq === before.seq && idx === before.idx) this.twice += 1
      else if (seq < before.seq || (seq === before.seq && idx < before.idx && before.idx !== 1_000_000))
        this.disordered += 1
    }
    this.#at = at
    return { at }
  }
}

/** 500 agents whose connections are cut every 15 seconds for 2, while 20 messages a second are said. */
export const jitter: Run = async (context) => {
  const { stage, tell } = context
  const seconds = sized(context, 120, 35)
  const data = stage.make("jitter")
  const { agents, project } = await withSeedServer(data, (connection) =>
    seedCrew(connection, { agents: AGENTS, free: 1 }),
  )
  const program = new Program(stage, data)
  await program.start()
  const { http } = program.where
  const said: Array<number> = []
  const post = new HttpLoad(http, 8)
  stage.onEnd(() => post.close())
  const crowd = agents.map(
    (agent) => new Jittery(`${http.replace("http", "ws")}/ws`, agent, project.id, () => said.at(-1) ?? 0),
  )
  stage.onEnd(() => crowd.forEach((one) => one.end()))
  for (const [n, one] of crowd.entries()) {
    one.connect(CUT_EVERY * (0.2 + (0.8 * n) / AGENTS))
    if (n % 50 === 49) await pause(100)
  }
  while (crowd.some(({ epoch }) => epoch === "")) await pause(20)
  await pause(3_000)

  const say = (n: number) =>
    request(
      "POST",
      "/api/v1/messages",
      ADMIN,
      {},
      JSON.stringify({ chat_id: project.chat_id, content: `Message ${n}` }),
    )
  const started = performance.now()
  for (let n = 0; n < seconds * EVENTS_A_SECOND; n++) {
    const due = started + (n * 1_000) / EVENTS_A_SECOND
    await pause(Math.max(0, due - performance.now()))
    const { seqs } = await post.run([say(n)])
    said.push(seqs[0] ?? 0)
    if (n % (10 * EVENTS_A_SECOND) === 0) tell(`${Math.round(n / EVENTS_A_SECOND)} of ${seconds} s`)
  }
  const end = performance.now() + ALL_HERE_WITHIN
  const lostBy = ({ heard }: Jittery) => {
    const all = new Set(heard)
    return said.filter((seq) => !all.has(seq)).length
  }
  while (performance.now() < end && crowd.some((one) => lostBy(one) > 0)) {
    crowd.forEach((one) => one.calm())
    await pause(200)
  }
  const total = (of: (one: Jittery) => number) => crowd.reduce((all, one) => all + of(one), 0)
  const catchUps = crowd.flatMap((one) => one.catchUps)
  const details = {
    agents: AGENTS,
    events: said.length,
    deliveries: total(({ heard }) => heard.length),
    resumed: catchUps.length,
    "resumes refused": total(({ refused }) => refused),
  }
  const lost = total(lostBy)
  const twice = total(({ heard, twice }) => twice + heard.length - new Set(heard).size)
  return [
    atMost(0, { name: "jitter run: frames lost", value: lost, unit: "frames", details }),
    atMost(0, { name: "jitter run: frames twice", value: twice, unit: "frames" }),
    atMost(0, {
      name: "jitter run: frames out of order",
      value: total(({ disordered }) => disordered),
      unit: "frames",
    }),
    atMost(2_000, {
      name: "jitter run: catch-up after a cut, p99",
      value: rounded(quantile(catchUps, 0.99)),
      unit: "ms",
      details: quantiles(catchUps),
    }),
  ]
}
