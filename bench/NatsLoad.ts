import { headers, type Msg, type MsgHdrs, type NatsConnection } from "@nats-io/nats-core"
import { connect } from "@nats-io/transport-node"
import type { Loaded } from "./HttpLoad.ts"
import type { Agent } from "./seed.ts"

/** A request of an agent: the end of the subject, and the body. */
export interface Command {
  readonly name: string
  readonly body: string
}

type Ask = (command: Command, head: MsgHdrs) => Promise<Msg>

/** Agents on NATS, each logged in with its token on a connection of its own, with so many commands in flight. */
export class NatsLoad {
  readonly #agents: ReadonlyArray<Speaker>
  readonly #asks: ReadonlyArray<Ask>

  private constructor(agents: ReadonlyArray<Speaker>, inFlight: number) {
    this.#agents = agents
    this.#asks = agents.flatMap((agent) => Array.from({ length: inFlight }, (_, slot) => agent.slot(slot)))
  }

  static async open(url: string, agents: ReadonlyArray<Agent>, inFlight = 1): Promise<NatsLoad> {
    return new NatsLoad(await Promise.all(agents.map((agent) => Speaker.open(url, agent))), inFlight)
  }

  async close(): Promise<void> {
    await Promise.all(this.#agents.map((agent) => agent.close()))
  }

  /** Asks all of it. Throws unless every answer is a good one. */
  async run(commands: ReadonlyArray<Command>, more: Readonly<Record<string, string>> = {}): Promise<Loaded> {
    const head = headers()
    for (const [name, value] of Object.entries(more)) head.set(name, value)
    const times: Array<number> = []
    const seqs: Array<number> = []
    let next = 0
    const work = async (ask: Ask) => {
      for (let command = commands[next++]; command !== undefined; command = commands[next++]) {
        const sentAt = performance.now()
        const answer = await ask(command, head)
        times.push(performance.now() - sentAt)
        const refusal = answer.headers?.get("Nats-Service-Error") ?? "no answer"
        if (refusal !== "") throw new Error(refusal)
        seqs.push(Number(answer.headers?.get("Crewlog-Seq")))
      }
    }
    const started = performance.now()
    await Promise.all(this.#asks.map(work))
    return { seconds: (performance.now() - started) / 1_000, times, bodies: [], seqs }
  }
}

/** An agent's connection. One inbox and plain publishes: the driver's requests would be taken from the server. */
class Speaker {
  readonly #connection: NatsConnection
  readonly #prefix: string
  readonly #inbox: string
  readonly #waiting: Array<(answer: Msg) => void> = []

  private constructor(connection: NatsConnection, slug: string) {
    this.#connection = connection
    this.#prefix = `crew.cmd.${slug}.`
    this.#inbox = `_INBOX_${slug}.`
    connection.subscribe(`${this.#inbox}*`, {
      callback: (_, message) => this.#waiting[Number(message.subject.slice(this.#inbox.length))]?.(message),
    })
  }

  static async open(url: string, { slug, token }: Agent): Promise<Speaker> {
    const connection = await connect({ servers: url, token, inboxPrefix: `_INBOX_${slug}`, reconnect: false })
    return new Speaker(connection, slug)
  }

  close(): Promise<void> {
    return this.#connection.close()
  }

  /** Asks one thing after the other. */
  slot(slot: number): Ask {
    const reply = `${this.#inbox}${slot}`
    return ({ body, name }, head) =>
      new Promise((resume) => {
        this.#waiting[slot] = resume
        this.#connection.publish(this.#prefix + name, body, { reply, headers: head })
      })
  }
}
