import { type ConsumerConfig, DeliverPolicy } from "@nats-io/jetstream"
import type { Msg, MsgHdrs } from "@nats-io/nats-core"
import { Effect, Queue, Result, Schema, Stream } from "effect"
import type { Nats } from "./Connection.ts"
import { puller } from "./puller.ts"

const AT_ONCE = 1_000
const PULL_FOR = 5_000

/** A message of a stream. */
export interface Stored {
  readonly seq: number
  readonly subject: string
  readonly data: Uint8Array
  /** Parsed when they are asked for. */
  readonly headers: () => MsgHdrs | undefined
}

const storedIn = (seq: number, message: Msg): Stored => ({
  seq,
  subject: message.subject,
  data: message.data,
  headers: () => message.headers,
})

class PullFailed extends Schema.TaggedError<PullFailed>()("PullFailed", { reason: Schema.String }) {}

/**
 * The messages of a stream (or of the subjects named) after a position or since a time, through a consumer that the
 * server forgets. At most twice `atOnce` wait here: the next are asked for when these are taken. After a lost link,
 * and whenever the consumer is gone, it starts anew behind the last message that came through, or `overlap` before
 * that: a stream that is written asynchronously may have lost its end, and have other messages there now.
 */
export const follow = <Parsed, Failure>(
  nats: Nats["Service"],
  stream: string,
  subjects: string | undefined,
  from: number | Date,
  parse: (message: Stored, previous: number) => Result.Result<Parsed, Failure>,
  { atOnce = AT_ONCE, overlap = 0 }: { readonly atOnce?: number; readonly overlap?: number } = {},
): Stream.Stream<Parsed, Failure> =>
  Stream.callback<Parsed, Failure>((queue) => {
    let last = typeof from === "number" ? from : 0
    const what = (): Partial<ConsumerConfig> => ({
      ...(subjects === undefined ? {} : { filter_subject: subjects }),
      ...(last === 0 && typeof from !== "number"
        ? { deliver_policy: DeliverPolicy.StartTime, opt_start_time: from.toISOString() }
        : { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: Math.max(0, last - overlap) + 1 }),
    })

    const pull = async (signal: AbortSignal) => {
      const { close, next } = await puller(nats, stream, what())
      try {
        while (!signal.aborted && nats.isUp()) {
          const bad = await next({ most: atOnce, wait: PULL_FOR, signal }, (seq, message) => {
            const parsed = parse(storedIn(seq, message), last)
            if (Result.isFailure(parsed)) return parsed
            last = seq
            Queue.offerUnsafe(queue, parsed.success)
            return undefined
          })
          if (bad !== undefined) return bad
          while (!signal.aborted && Queue.sizeUnsafe(queue) >= atOnce)
            await new Promise((go) => setTimeout(go, 2))
        }
      } finally {
        close()
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
): Promise<ReadonlyArray<Stored>> => {
  const { close, next, pending } = await puller(nats, stream, {
    filter_subject: subjects,
    deliver_policy: DeliverPolicy.LastPerSubject,
  })
  const messages: Array<Stored> = []
  try {
    while (messages.length < pending) {
      const most = Math.min(AT_ONCE, pending - messages.length)
      await next({ most, wait: PULL_FOR }, (seq, message) => {
        messages.push(storedIn(seq, message))
      })
    }
  } finally {
    close()
  }
  return messages
}

/**
 * Reads the messages of one subject up to a position that one of them has, oldest first, until `take` gives an answer.
 * That gets the last of them, too.
 */
export const readUpTo = async <Parsed>(
  nats: Nats["Service"],
  stream: string,
  { end, subject }: { readonly subject: string; readonly end: number },
  take: (message: Stored) => Parsed | undefined,
): Promise<Parsed | undefined> => {
  const { close, next } = await puller(nats, stream, { filter_subject: subject })
  try {
    let read = 0
    while (true) {
      const before = read
      const answer = await next({ most: AT_ONCE, wait: PULL_FOR }, (seq, message) => {
        read = seq
        const taken = take(storedIn(seq, message))
        return taken !== undefined || seq >= end ? { taken } : undefined
      })
      if (answer !== undefined) return answer.taken
      if (read === before) throw new Error(`message ${end} of ${subject} does not come`)
    }
  } finally {
    close()
  }
}
