import { AckPolicy, type ConsumerConfig } from "@nats-io/jetstream"
import { createInbox, type Msg, nanos } from "@nats-io/nats-core"
import type { Nats } from "./Connection.ts"

const GONE_AFTER = nanos(60_000)

/** The request to the server: `most` messages, or as many as come within `wait` milliseconds (1,000 at least). */
export interface Pull {
  readonly most: number
  readonly wait: number
  readonly signal?: AbortSignal
}

/** Called for each message with its sequence. What it answers, if anything, ends the reading. */
export type Take<Answer> = (seq: number, message: Msg) => Answer | undefined

/** Reads a stream in its order, once. */
export interface Puller {
  /** The number of messages that there were to be read when it was made. */
  readonly pending: number
  /**
   * Hands over the next messages as they come, and gives what ended it. After that, after the signal and after a
   * lost link it is over. Fails when there is no link, when the server has forgotten the reader or says nothing
   * any more, and when a message was lost on the way.
   */
  readonly next: <Answer>(pull: Pull, take: Take<Answer>) => Promise<Answer | undefined>
  readonly close: () => void
}

/**
 * Makes a consumer without acknowledgements that the server forgets when it is closed, or unasked for a minute.
 * Each message is looked at once: the client's own consumers take twice the time for one.
 */
export const puller = async (
  nats: Nats["Service"],
  stream: string,
  what: Partial<ConsumerConfig>,
): Promise<Puller> => {
  const { name, num_pending } = await nats.jsm.consumers.add(stream, {
    ...what,
    ack_policy: AckPolicy.None,
    max_deliver: 1,
    mem_storage: true,
    num_replicas: 1,
    inactive_threshold: GONE_AFTER,
  })
  const inbox = createInbox()
  const ear: Ear = { hear: ignore, delivered: 0 }
  const subscription = nats.connection.subscribe(inbox, {
    callback: (error, message) => (error === null ? ear.hear(message) : undefined),
  })

  return {
    pending: num_pending,
    next: nextOf(nats, { stream, name, inbox }, ear),
    close: () => {
      subscription.unsubscribe()
      if (nats.isUp()) nats.jsm.consumers.delete(stream, name).catch(() => {})
    },
  }
}

interface Consumer {
  readonly stream: string
  readonly name: string
  /** The subject that the messages come to. */
  readonly inbox: string
}

/** The ear of a puller: who listens just now, and how many messages have come so far. */
interface Ear {
  hear: (message: Msg) => void
  delivered: number
}

const ignore = () => {}

const nextOf = (nats: Nats["Service"], { inbox, name, stream }: Consumer, ear: Ear): Puller["next"] => {
  const placeIn = placesOf(stream, name)
  return <Answer>({ most, signal, wait }: Pull, take: Take<Answer>) =>
    new Promise<Answer | undefined>((resolve, reject) => {
      if (!nats.isUp()) return reject(new Error("the connection is down"))
      let left = most
      let isHeard = false
      const end = () => {
        ear.hear = ignore
        clearInterval(listening)
        forget()
        signal?.removeEventListener("abort", stop)
      }
      const stop = () => {
        end()
        resolve(undefined)
      }
      const fail = (reason: string) => {
        end()
        reject(new Error(`consumer ${name} of ${stream}: ${reason}`))
      }
      // A server that is there is heard of at half the time and at the end.
      const listening = setInterval(() => {
        if (!isHeard) fail("nothing is heard of it")
        isHeard = false
      }, wait * 0.75)
      const forget = nats.onLost(stop)
      signal?.addEventListener("abort", stop, { once: true })

      ear.hear = (message) => {
        isHeard = true
        const place = message.reply === undefined ? undefined : placeIn(message.reply)
        if (place === undefined) {
          const said = saidBy(message)
          if (said === "ended") stop()
          else if (said !== "alive") fail(said)
          return
        }
        ear.delivered += 1
        if (place.delivered !== ear.delivered) return fail(`message ${ear.delivered} was lost on the way`)
        left -= 1
        try {
          const answer = take(place.seq, message)
          if (answer === undefined && left > 0) return
          end()
          resolve(answer)
        } catch (error) {
          fail(String(error))
        }
      }
      const request = { batch: most, expires: nanos(wait), idle_heartbeat: nanos(wait / 2) }
      nats.connection.publish(`$JS.API.CONSUMER.MSG.NEXT.${stream}.${name}`, JSON.stringify(request), {
        reply: inbox,
      })
    })
}

/** Reads a message's place from the subject to acknowledge it with: `$JS.ACK. ... <stream>.<consumer>.<tries>.<seq>.<delivered> ...`. */
const placesOf = (stream: string, name: string) => {
  const names = `.${stream}.${name}.`
  return (reply: string) => {
    const at = reply.indexOf(names)
    if (at === -1) return undefined
    const seq = reply.indexOf(".", at + names.length) + 1
    const count = reply.indexOf(".", seq) + 1
    const end = reply.indexOf(".", count)
    return { seq: Number(reply.slice(seq, count - 1)), delivered: Number(reply.slice(count, end)) }
  }
}

/** The meaning of a message that is none of the stream's: a heartbeat, the end of the request, or what is wrong. */
const saidBy = ({ headers }: Msg): string => {
  const code = headers?.code ?? 0
  if (code === 100) return "alive"
  return code === 404 || code === 408 ? "ended" : `${code} ${headers?.description ?? ""}`
}
