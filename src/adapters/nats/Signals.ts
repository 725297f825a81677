import { Effect, Layer, Option, Result, Schema, Stream } from "effect"
import { type Beat, SignalLog } from "../../commands/SignalLog.ts"
import { AggregateId, Instant, Slug } from "../../domain/Ids.ts"
import { ReportedStatus } from "../../domain/Presence.ts"
import { type Heartbeat, Signals } from "../../projections/Signals.ts"
import { asker } from "./ask.ts"
import { Nats } from "./Connection.ts"
import { follow } from "./follow.ts"
import { signalling } from "./signalling.ts"
import { SIGNALS_STREAM } from "./streams.ts"

const PREFIX = "crew.sig.heartbeat."
const isId = Schema.is(AggregateId)

const Signal = Schema.fromJsonString(
  Schema.Struct({
    slug: Slug,
    status: ReportedStatus,
    at: Instant,
    node: Schema.optionalKey(Schema.String),
  }),
)
const decode = Schema.decodeUnknownOption(Signal)
const encode = Schema.encodeSync(Signal)

const subjectOf = (member: string): string => {
  if (!isId(member)) throw new Error(`not a member id: ${JSON.stringify(member)}`)
  return `${PREFIX}${member}`
}

const read = (data: Uint8Array) => Option.getOrUndefined(decode(new TextDecoder().decode(data)))

const following = Layer.effect(
  Signals,
  Effect.map(Nats, (nats) =>
    Signals.of({
      follow: (after) =>
        follow<Heartbeat | undefined, never>(
          nats,
          SIGNALS_STREAM,
          `${PREFIX}*`,
          after,
          ({ data, seq, subject }) => {
            const signal = read(data)
            const id = subject.slice(PREFIX.length)
            return Result.succeed(
              signal === undefined || !isId(id) ? undefined : { seq, id, slug: signal.slug, at: signal.at },
            )
          },
        ).pipe(Stream.filter((heartbeat) => heartbeat !== undefined)),
      head: Effect.map(
        asker(nats)(() => nats.jsm.streams.info(SIGNALS_STREAM)),
        ({ created, state }) => ({ epoch: String(created), first: state.first_seq, last: state.last_seq }),
      ),
    }),
  ),
)

/** A signal that is not acknowledged in 2 seconds may be lost, and is not sent again. */
const adding = Layer.effect(
  SignalLog,
  Effect.gen(function* () {
    const nats = yield* Nats
    const ask = asker(nats)
    const send = signalling(nats)
    const info = ask(() => nats.jsm.streams.info(SIGNALS_STREAM))
    const { config, state } = yield* info
    const beats = follow<Omit<Beat, "at"> | undefined, never>(
      nats,
      SIGNALS_STREAM,
      `${PREFIX}*`,
      state.last_seq,
      ({ data, subject }) => {
        const signal = read(data)
        const id = subject.slice(PREFIX.length)
        return Result.succeed(signal === undefined || !isId(id) ? undefined : { ...signal, id })
      },
    ).pipe(Stream.filter((beat) => beat !== undefined))
    return SignalLog.of({
      beats,
      reachable: Effect.asVoid(info),
      beat: ({ id, ...signal }) =>
        Effect.suspend(() => send({ subject: subjectOf(id), payload: encode(signal) })),
      last: (member) => {
        const query = { last_by_subj: subjectOf(member) }
        // With one replica any answer is the newest; with more only the leader's is.
        return ask(() =>
          config.num_replicas === 1
            ? nats.jsm.direct.getMessage(SIGNALS_STREAM, query)
            : nats.jsm.streams.getMessage(SIGNALS_STREAM, query),
        ).pipe(Effect.map((message) => (message === null ? undefined : read(message.data))))
      },
    })
  }),
)

/** The log of signals on JetStream, for those who follow it and for those who add to it. */
export const layer = Layer.mergeAll(following, adding)
