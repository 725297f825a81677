import { DeliverPolicy, jetstream, jetstreamManager } from "@nats-io/jetstream"
import { connect } from "@nats-io/transport-node"
import type { NatsTarget } from "../src/adapters/nats/Connection.ts"
import type { Scene } from "./Scene.ts"

/** A message of a stream as nats-server has it. */
export interface Stored {
  readonly seq: number
  readonly subject: string
  readonly text: string
  readonly headers: string
}

/** The part of a record on the log that is about its command. */
export interface Entry {
  readonly seq: number
  readonly subject: string
  readonly command: string
}

/** Every message of a stream, from the server itself and not through the program. */
export const messagesOf = async (
  scene: Scene,
  target: NatsTarget,
  stream = "CREW",
): Promise<ReadonlyArray<Stored>> => {
  scene.mustOwn(target.url)
  const connection = await connect({
    servers: target.url.split(","),
    ...(target.user === undefined ? {} : { user: target.user }),
    ...(target.pass === undefined ? {} : { pass: target.pass }),
  })
  try {
    const manager = await jetstreamManager(connection)
    const { messages, last_seq } = (await manager.streams.info(stream)).state
    if (messages === 0) return []
    const consumer = await jetstream(connection).consumers.get(stream, { deliver_policy: DeliverPolicy.All })
    const all: Array<Stored> = []
    while ((all.at(-1)?.seq ?? 0) < last_seq) {
      const before = all.length
      for await (const message of await consumer.fetch({ max_messages: 1_000, expires: 3_000 })) {
        const headers = [...(message.headers ?? [])]
          .map(([name, values]) => `${name}: ${values.join()}`)
          .join("\n")
        all.push({ seq: message.seq, subject: message.subject, text: message.string(), headers })
        if (message.seq >= last_seq) break
      }
      if (all.length === before) break
    }
    return all
  } finally {
    await connection.close()
  }
}

export const entriesOf = (messages: ReadonlyArray<Stored>): ReadonlyArray<Entry> =>
  messages.map(({ seq, subject, text }) => {
    const { command } = JSON.parse(text) as { readonly command: string }
    return { seq, subject, command }
  })
