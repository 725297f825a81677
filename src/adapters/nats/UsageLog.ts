import { Context, Effect, Layer, Option, Result, Schema, Stream } from "effect"
import { headers } from "@nats-io/nats-core"
import { Digest } from "../../domain/Digest.ts"
import { AggregateId } from "../../domain/Ids.ts"
import { type UsageBatch, UsageLog } from "../../projections/UsageLog.ts"
import { UsageSink } from "../../gateway/metering/UsageSink.ts"
import { asker } from "./ask.ts"
import { Nats } from "./Connection.ts"
import { follow } from "./follow.ts"
import { signalling } from "./signalling.ts"
import { SIGNALS_STREAM } from "./streams.ts"
import { OwnBatches } from "./OwnBatches.ts"
import { readUsage } from "./usageRecords.ts"

const PREFIX = "crew.sig.usage."
const ALL = `${PREFIX}*`
/** A message is up to 200 KiB of text and several times that as objects. */
const AT_ONCE = 100
/** Signals that a nats-server may lose that is killed, many times over. */
const OVERLAP = 500

// The storage format of a message: `number` and the records, each as it was encoded.
const Message = Schema.fromJsonString(
  Schema.Struct({ number: Schema.Int, records: Schema.Array(Schema.Unknown) }),
)
const decode = Schema.decodeUnknownOption(Message)
const isId = Schema.is(AggregateId)

const NUMBER = /^\{"number":(\d+),/
const NUMBER_WITHIN = 32

interface Stored {
  readonly subject: string
  readonly seq: number
  readonly data: Uint8Array
}

/** A batch that can't be read is one of number 0 without records; single records that can't be read are left out. */
const read = ({ data, seq, subject }: Stored): UsageBatch => {
  const node = subject.slice(PREFIX.length)
  const message = Option.getOrUndefined(decode(new TextDecoder().decode(data)))
  if (message === undefined || !isId(node)) return { seq, node, number: 0, records: [] }
  const records = message.records.flatMap((record) => Option.toArray(readUsage(record)))
  return { seq, node, number: message.number, records }
}

/** A batch of a node as the node itself remembers it, when it does. */
const remembered = (
  own: OwnBatches,
  node: string,
  { data, seq, subject }: Stored,
): UsageBatch | undefined => {
  if (subject !== `${PREFIX}${node}`) return undefined
  const number = Number(NUMBER.exec(new TextDecoder().decode(data.subarray(0, NUMBER_WITHIN)))?.[1])
  const records = own.take(number)
  return records === undefined ? undefined : { seq, node, number, records }
}

const batches = (nats: Nats["Service"], from: number | Date, parse: (message: Stored) => UsageBatch) =>
  follow<UsageBatch, never>(nats, SIGNALS_STREAM, ALL, from, (message) => Result.succeed(parse(message)), {
    atOnce: AT_ONCE,
    overlap: OVERLAP,
  })

const followed = Effect.fnUntraced(function* (node: string, own: OwnBatches) {
  const nats = yield* Nats
  const ask = asker(nats)
  const info = ask(() => nats.jsm.streams.info(SIGNALS_STREAM))
  const replicas = (yield* info).config.num_replicas
  return UsageLog.of({
    follow: (after) =>
      Stream.unwrap(
        Effect.as(
          own.read,
          batches(nats, after, (message) => remembered(own, node, message) ?? read(message)),
        ),
      ),
    since: (time, without) =>
      batches(nats, new Date(time), (message) =>
        message.subject === `${PREFIX}${without}`
          ? { seq: message.seq, node: without, number: 0, records: [] }
          : read(message),
      ),
    // With one replica any answer is the newest; with more only the leader's is.
    newest: ask(() =>
      replicas === 1
        ? nats.jsm.direct.getMessage(SIGNALS_STREAM, { last_by_subj: ALL })
        : nats.jsm.streams.getMessage(SIGNALS_STREAM, { last_by_subj: ALL }),
    ).pipe(
      Effect.map((message) =>
        message === null ? undefined : { seq: message.seq, at: message.time.getTime() },
      ),
    ),
    head: Effect.map(info, ({ created, state }) => ({
      epoch: String(created),
      first: state.first_seq,
      last: state.last_seq,
    })),
  })
})

/** Sends a message for each batch; its id keeps it from being stored twice for as long as the server remembers ids. */
const adding = Effect.fnUntraced(function* (node: string, own: OwnBatches) {
  const send = signalling(yield* Nats)
  return UsageSink.of({
    node,
    add: (number, { json, records }) =>
      Effect.suspend(() => {
        const head = headers()
        head.set("Nats-Msg-Id", `usage:${node}:${number}`)
        head.set("Nats-Expected-Stream", SIGNALS_STREAM)
        own.keep(number, records)
        return send({
          subject: `${PREFIX}${node}`,
          payload: `{"number":${number},"records":${json}}`,
          headers: head,
        })
      }),
  })
})

/** The usage that the gateways metered, on the JetStream of signals: for those who follow it and for those who add to it. */
export const layer = Layer.effectContext(
  Effect.gen(function* () {
    const node = (yield* Digest).uuid()
    const own = new OwnBatches()
    return Context.make(UsageLog, yield* followed(node, own)).pipe(
      Context.add(UsageSink, yield* adding(node, own)),
    )
  }),
)
