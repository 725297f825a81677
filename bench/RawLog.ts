import { jetstream, type JetStreamClient, jetstreamManager } from "@nats-io/jetstream"
import { connect, headers, type MsgHdrs, type NatsConnection } from "@nats-io/transport-node"
import { randomUUID } from "node:crypto"
import type { Loaded } from "./HttpLoad.ts"

const STREAM = "BENCH"

/** Connects as runtime.json says. */
export const connectTo = (url: string): Promise<NatsConnection> => {
  const { host, password, username } = new URL(url)
  return connect({ servers: host, user: decodeURIComponent(username), pass: decodeURIComponent(password) })
}

/** A message as the log has it. */
export interface Message {
  readonly headers: ReadonlyArray<readonly [string, string]>
  readonly payload: Uint8Array
}

/** The least that an append costs: the same bytes, guarded, on a stream with the log's settings on the same server. */
export class RawLog {
  readonly #js: JetStreamClient
  readonly #guards = new Map<string, number>()

  private constructor(js: JetStreamClient) {
    this.#js = js
  }

  static async open(connection: NatsConnection): Promise<RawLog> {
    const manager = await jetstreamManager(connection)
    const { config } = await manager.streams.info("CREW")
    const { deny_delete: _, deny_purge: __, ...same } = config
    await manager.streams.add({ ...same, name: STREAM, subjects: ["bench.evt.>"] })
    return new RawLog(jetstream(connection))
  }

  /** The newest message of a subject of the real log. */
  static async newest(connection: NatsConnection, subject: string): Promise<Message> {
    const manager = await jetstreamManager(connection)
    const found = await manager.direct.getMessage("CREW", { last_by_subj: subject })
    if (found === null) throw new Error(`nothing on ${subject}`)
    const { data, header } = found
    return {
      headers: header.keys().map((name) => [name, header.get(name)] as const),
      payload: new Uint8Array(data),
    }
  }

  /** Publishes these bytes once for each id, so many at a time; the next time follows what stands there. */
  async run(
    ids: ReadonlyArray<string>,
    { headers: head, payload }: Message,
    inFlight: number,
  ): Promise<Loaded> {
    const times: Array<number> = []
    let next = 0
    const work = async () => {
      for (let id = ids[next++]; id !== undefined; id = ids[next++]) {
        const name = `bench.evt.task.${id}`
        const sentAt = performance.now()
        const { seq } = await this.#js.publish(name, payload, {
          headers: headersOf(head, this.#guards.get(id) ?? 0),
          timeout: 5_000,
          retries: 1,
        })
        times.push(performance.now() - sentAt)
        this.#guards.set(id, seq)
      }
    }
    const started = performance.now()
    await Promise.all(Array.from({ length: inFlight }, work))
    return { seconds: (performance.now() - started) / 1_000, times, bodies: [], seqs: [] }
  }
}

const headersOf = (given: Message["headers"], guard: number): MsgHdrs => {
  const head = headers()
  for (const [name, value] of given) {
    if (!name.startsWith("Nats-")) head.set(name, value)
  }
  head.set("Nats-Msg-Id", `task.${randomUUID()}:${randomUUID()}`)
  head.set("Nats-Expected-Stream", STREAM)
  head.set("Nats-Expected-Last-Subject-Sequence", String(guard))
  return head
}
