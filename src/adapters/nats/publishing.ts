import { createInbox, type Msg, type MsgHdrs } from "@nats-io/nats-core"
import type { Nats } from "./Connection.ts"

/** The server's answer to a publish on a stream; `code` is nats-server's. */
export type Said =
  | { readonly _tag: "Stored"; readonly seq: number; readonly duplicate: boolean }
  | { readonly _tag: "Refused"; readonly code: number; readonly reason: string }
  | { readonly _tag: "NotSent" | "Unknown"; readonly reason: string }

export interface Publish {
  readonly subject: string
  readonly payload: string
  readonly headers?: MsgHdrs
  /** Milliseconds to wait for the answer. */
  readonly within: number
  /** Told once. */
  readonly settle: (said: Said) => void
}

/** So many leave together at most: with more, the server would wait for us first and we for it then. */
const TOGETHER = 8
const NO_RESPONDERS = 503

interface Ack {
  readonly stream?: string
  readonly seq?: number
  readonly duplicate?: boolean
  readonly error?: { readonly err_code?: number; readonly description?: string }
}

const saidBy = (message: Msg): Said => {
  if (message.data.length === 0 && message.headers?.code === NO_RESPONDERS) {
    return { _tag: "NotSent", reason: "no server holds the log now" }
  }
  const { duplicate = false, error, seq, stream } = message.json<Ack>()
  if (error !== undefined) {
    return { _tag: "Refused", code: error.err_code ?? 0, reason: error.description ?? "" }
  }
  return stream && seq !== undefined
    ? { _tag: "Stored", seq, duplicate }
    : { _tag: "Unknown", reason: `the server answers ${message.string()}` }
}

/**
 * Publishes on a stream with one inbox for all answers. While another waits for its answer, what is published in
 * the same turn of the event loop leaves in one write: under load a write for each was a tenth of all work, the
 * driver's requests another.
 */
export const publishing = (nats: Pick<Nats["Service"], "connection" | "isUp" | "onLost">) => {
  const { connection } = nats
  const waiting = new Map<string, (said: Said) => void>()
  const inbox = createInbox()
  let leaving: Array<() => void> = []
  let sent = 0

  const hear = (error: Error | null, message: Msg) => {
    const end = error === null ? waiting.get(message.subject.slice(inbox.length + 1)) : undefined
    if (end !== undefined) end(attempted(() => saidBy(message)))
  }
  connection.subscribe(`${inbox}.*`, { callback: hear })
  nats.onLost(() => {
    for (const end of waiting.values()) end({ _tag: "Unknown", reason: "the connection was lost" })
  })

  const leave = () => {
    const all = leaving
    leaving = []
    for (const send of all) send()
  }

  return (publish: Publish): void => {
    const token = String((sent += 1))
    const { within } = publish
    const timer = setTimeout(() => end({ _tag: "Unknown", reason: `no answer within ${within} ms` }), within)
    // Let go of when it has its answer: what the tables of a Map refer to may be kept long after it was deleted.
    let waits: Publish | undefined = publish
    const end = (said: Said) => {
      if (!waiting.delete(token)) return
      clearTimeout(timer)
      const settle = waits?.settle
      waits = undefined
      settle?.(said)
    }
    waiting.set(token, end)
    leaving.push(() => {
      if (waits === undefined) return
      if (!nats.isUp()) return end({ _tag: "NotSent", reason: "the connection is down" })
      const { payload, subject, headers } = waits
      const options = { reply: `${inbox}.${token}`, ...(headers === undefined ? {} : { headers }) }
      const failed = attempted(() => connection.publish(subject, payload, options))
      if (failed !== undefined) end(failed)
    })
    if (waiting.size === 1 || leaving.length === TOGETHER) leave()
    else if (leaving.length === 1) setImmediate(leave)
  }
}

/** The answer of an attempt, or that nobody knows what became of the publish when it throws. */
const attempted = <Value>(run: () => Value): Value | Said => {
  try {
    return run()
  } catch (error) {
    return { _tag: "Unknown", reason: error instanceof Error ? error.message : String(error) }
  }
}
