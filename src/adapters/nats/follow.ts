import { DeliverPolicy, type JsMsg, type OrderedConsumerOptions } from "@nats-io/jetstream"
import { nanos } from "@nats-io/nats-core"
import { Effect, Queue, Result, Schema, Stream } from "effect"
import type { Nats } from "./Connection.ts"

const AT_ONCE = 1_000
const PULL_FOR = 5_000
const CONSUMER_GONE_AFTER = nanos(60_000)

class PullFailed extends Schema.TaggedError<PullFailed>()("PullFailed", { reason: Schema.String }) {}

/**
 * The messages of a stream (or of the subjects named) after a position or since a time, through a consumer that the
 * server forgets. At most twice `atOnce` wait here: the next are asked for when these are taken. After a lost link,
 * and whenever the consumer is gone, it starts anew behind the last message that came through, or `overlap` before
 * that: a stream that is written asynchronously may have lost its end, and have other messages there now.
 */
export const follow = <A, E>(
  nats: Nats["Service"],
  stream: string,
  subjects: string | undefined,
  from: number | Date,
  parse: (message: JsMsg, previous: number) => Result.Result<A, E>,
  { atOnce = AT_ONCE, overlap = 0 }: { readonly atOnce?: number; readonly overlap?: number } = {},
): Stream.Stream<A, E> =>
  Stream.callback<A, E>((queue) => {
    let last = typeof from === "number" ? from : 0
    const start = (): Partial<OrderedConsumerOptions> =>
      last === 0 && typeof from !== "number"
        ? { deliver_policy: DeliverPolicy.StartTime, opt_start_time: from.toISOString() }
        : { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: Math.max(0, last - overlap) + 1 }

    const options = (): Partial<OrderedConsumerOptions> => ({
      ...(subjects === undefined ? {} : { filter_subjects: subjects }),
      inactive_threshold: CONSUMER_GONE_AFTER,
      ...start(),
    })

    const pull = async (signal: AbortSignal) => {
      const consumer = await nats.js.consumers.get(stream, options())
      while (!signal.aborted && nats.isUp()) {
        const batch = await consumer.fetch({ max_messages: atOnce, expires: PULL_FOR })
        const stop = () => batch.stop()
        const forget = nats.onLost(stop)
        signal.addEventListener("abort", stop, { once: true })
        try {
          for await (const message of batch) {
            const parsed = parse(message, last)
            if (Result.isFailure(parsed)) return parsed
            last = message.seq
            Queue.offerUnsafe(queue, parsed.success)
          }
        } finally {
          forget()
          signal.removeEventListener("abort", stop)
        }
        while (!signal.aborted && Queue.sizeUnsafe(queue) >= atOnce)
          await new Promise((go) => setTimeout(go, 2))
      }
      return undefined
    }

    return Effect.gen(function* () {
      while (true) {
        yield* nats.up
        const bad = yield* Effect.tryPromise({
          try: pull,
          catch: (cause) => new PullFailed({ reason: String(cause) }),
        }).pipe(
          Effect.catch((error) =>
            Effect.logDebug(`pulling from ${stream} again: ${error.reason}`).pipe(
              Effect.andThen(Effect.sleep("100 millis")),
            ),
          ),
        )
        if (bad !== undefined) return yield* Effect.fail(bad.failure)
      }
    })
  })

/** The newest message of each of the subjects, oldest first. */
export const newest = async (
  nats: Nats["Service"],
  stream: string,
  subjects: string,
): Promise<ReadonlyArray<JsMsg>> => {
  const consumer = await nats.js.consumers.get(stream, {
    filter_subjects: subjects,
    deliver_policy: DeliverPolicy.LastPerSubject,
    inactive_threshold: CONSUMER_GONE_AFTER,
  })
  const { num_pending } = await consumer.info(true)
  const messages: Array<JsMsg> = []
  while (messages.length < num_pending) {
    const batch = await consumer.fetch({
      max_messages: Math.min(AT_ONCE, num_pending - messages.length),
      expires: PULL_FOR,
    })
    for await (const message of batch) messages.push(message)
  }
  return messages
}
