import { headers, type Msg, type MsgHdrs, type NatsConnection } from "@nats-io/nats-core"
import { connect } from "@nats-io/transport-node"
import type { Loaded } from "./HttpLoad.ts"
import type { Agent } from "./seed.ts"

/** What one agent asks: the end of the subject, and the body. */
export interface Command {
  readonly name: string
  readonly body: string
}

/**
 * Agents on NATS, each logged in with its token on a connection of its own, which ask one thing after the
 * other. By publish and one subscription instead of the driver's requests: the client's cost is taken from the server.
 */
export class NatsLoad {
  readonly #agents: ReadonlyArray<Speaker>

  private constructor(agents: ReadonlyArray<Speaker>) {
    this.#agents = agents
  }

  static async open(url: string, agents: ReadonlyArray<Agent>): Promise<NatsLoad> {
    return new NatsLoad(await Promise.all(agents.map((agent) => Speaker.open(url, agent))))
  }

  async close(): Promise<void> {
    await Promise.all(this.#agents.map((agent) => agent.close()))
  }

  /** Asks all of it, as many at a time as there are agents. Throws unless every answer is a good one. */
  async run(commands: ReadonlyArray<Command>, more: Readonly<Record<string, string>> = {}): Promise<Loaded> {
    const head = headers()
    for (const [name, value] of Object.entries(more)) head.set(name, value)
    const times: Array<number> = []
    const seqs: Array<number> = []
    let next = 0
    const work = async (agent: Speaker) => {
      for (let command = commands[next++]; command !== undefined; command = commands[next++]) {
        const sentAt = performance.now()
        const { headers } = await agent.ask(command, head)
        times.push(performance.now() - sentAt)
        const refusal = headers?.get("Nats-Service-Error") ?? "no answer"
        if (refusal !== "") throw new Error(refusal)
        seqs.push(Number(headers?.get("Crewlog-Seq")))
      }
    }
    const started = performance.now()
    await Promise.all(this.#agents.map(work))
    return { seconds: (performance.now() - started) / 1_000, times, bodies: [], seqs }
  }
}

class Speaker {
  readonly #connection: NatsConnection
  readonly #prefix: string
  readonly #inbox: string
  #answered: (message: Msg) => void = () => {}

  private constructor(connection: NatsConnection, slug: string) {
    this.#connection = connection
    this.#prefix = `crew.cmd.${slug}.`
    this.#inbox = `_INBOX_${slug}.bench`
    connection.subscribe(this.#inbox, { callback: (_, message) => this.#answered(message) })
  }

  static async open(url: string, { slug, token }: Agent): Promise<Speaker> {
    const connection = await connect({ servers: url, token, inboxPrefix: `_INBOX_${slug}`, reconnect: false })
    return new Speaker(connection, slug)
  }

  close(): Promise<void> {
    return this.#connection.close()
  }

  ask({ body, name }: Command, head: MsgHdrs): Promise<Msg> {
    return new Promise((resume) => {
      this.#answered = resume
      this.#connection.publish(this.#prefix + name, body, { reply: this.#inbox, headers: head })
    })
  }
}
