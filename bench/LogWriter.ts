import { jetstream, type JetStreamClient } from "@nats-io/jetstream"
import { headers, type MsgHdrs, type NatsConnection } from "@nats-io/nats-core"
import { Effect, Result, type Schema } from "effect"
import { randomUUID } from "node:crypto"
import { layer as DigestLayer } from "../src/adapters/node/Digest.ts"
import { subjectName } from "../src/adapters/nats/records.ts"
import { LOG_STREAM } from "../src/adapters/nats/streams.ts"
import { type Aggregate, fold } from "../src/domain/Aggregate.ts"
import { chained, type CommitRecord, type Subject } from "../src/domain/CommitRecord.ts"
import { Digest } from "../src/domain/Digest.ts"
import { foldHash } from "../src/domain/History.ts"

export const digest = Effect.runSync(Effect.provide(Digest, DigestLayer))

/** A record as it goes over the line. */
export interface Prepared {
  readonly subject: Subject
  readonly name: string
  readonly payload: string
  readonly headers: MsgHdrs
}

interface Known {
  readonly state: unknown
  readonly seq: number
  readonly hash: string
}

/** Records that the server may not have answered for; it would drop what is far beyond that. */
const UNANSWERED = 4_000
const ANSWER_EVERY = 500

/**
 * Writes valid commit records straight to the log: decided, folded, chained and with their snapshots as
 * the dispatcher does it, but without waiting for each. The log must be nobody else's meanwhile.
 */
export class LogWriter {
  readonly #connection: NatsConnection
  readonly #js: JetStreamClient
  readonly #known = new Map<string, Known>()
  readonly #hashes = new Map<string, string>()
  readonly #answers: Array<Promise<unknown>> = []
  #last: number
  #at: number

  /** `at`: the time of the first record; each is 5 ms later than the one before. */
  constructor(connection: NatsConnection, last: number, at: number) {
    this.#connection = connection
    this.#js = jetstream(connection)
    this.#last = last
    this.#at = at
  }

  get last(): number {
    return this.#last
  }

  /** The record of a command; throws when it is refused. It counts as written. */
  prepare<State, Command, Event extends { readonly _tag: string }, Refusal>(
    aggregate: Aggregate<State, Command, Event, Refusal>,
    id: string,
    command: Command,
    actor: string,
    at = new Date((this.#at += 5)).toISOString(),
  ): Prepared {
    const subject: Subject = { type: aggregate.type, id }
    const name = subjectName(subject)
    const before = this.#known.get(name) ?? { state: aggregate.initial, seq: 0, hash: "" }
    const decided = aggregate.decide(command, before.state as State)
    if (Result.isFailure(decided)) throw new Error(`refused: ${JSON.stringify(decided.failure)}`)
    const events = decided.success
    const open = {
      command: `:${randomUUID()}`,
      fingerprint: "0123456789abcdef",
      at,
      actor,
      correlation: randomUUID(),
      causation: null,
      prev: before.seq,
      events: events as unknown as CommitRecord["events"],
    }
    const hash = digest.sha256(chained(before.hash, open))
    const unplaced = fold(aggregate, events, { seq: 0, at }, before.state as State)
    const seq = ++this.#last
    const state = aggregate.locate === undefined ? unplaced : aggregate.locate(unplaced, seq)
    this.#known.set(name, { state, seq, hash })
    const snapshot = { fold: this.#foldHash(aggregate), state: unplaced as Schema.Json, commands: [] }
    const head = headers()
    head.set("Nats-Msg-Id", `${aggregate.type}.${id}:${open.command}`)
    head.set("Nats-Expected-Stream", LOG_STREAM)
    head.set("Nats-Expected-Last-Subject-Sequence", String(before.seq))
    head.set("Crew-Actor", actor)
    head.set("Crew-Command", open.command)
    head.set("Crew-Types", events.map(({ _tag }) => _tag).join(","))
    return { subject, name, payload: JSON.stringify({ ...open, hash, snapshot }), headers: head }
  }

  /** Writes the record of a command, soon. */
  async give<State, Command, Event extends { readonly _tag: string }, Refusal>(
    aggregate: Aggregate<State, Command, Event, Refusal>,
    id: string,
    command: Command,
    actor: string,
  ): Promise<void> {
    const { headers: head, name, payload } = this.prepare(aggregate, id, command, actor)
    if (this.#last % ANSWER_EVERY !== 0) {
      this.#connection.publish(name, payload, { headers: head })
      return
    }
    const expected = this.#last
    this.#answers.push(
      this.#js.publish(name, payload, { headers: head, timeout: 60_000 }).then(({ seq }) => {
        if (seq !== expected) throw new Error(`record ${expected} stands at ${seq}`)
        return seq
      }),
    )
    while (this.#answers.length * ANSWER_EVERY > UNANSWERED) await this.#answers.shift()
  }

  /** Nothing more will be written about this aggregate. */
  forget(subject: Subject): void {
    this.#known.delete(subjectName(subject))
  }

  /** Waits until everything is on the log. */
  async settled(): Promise<void> {
    await Promise.all(this.#answers.splice(0))
    await this.#connection.flush()
    const manager = await this.#js.jetstreamManager()
    for (let tries = 0; tries < 3_000; tries++) {
      const { state } = await manager.streams.info(LOG_STREAM)
      if (state.last_seq === this.#last) return
      await new Promise((go) => setTimeout(go, 10))
    }
    throw new Error(`the log does not reach ${this.#last}`)
  }

  #foldHash(aggregate: {
    readonly type: string
    readonly initial: unknown
    readonly evolve: unknown
  }): string {
    const known = this.#hashes.get(aggregate.type)
    if (known !== undefined) return known
    const made = foldHash(digest, aggregate)
    this.#hashes.set(aggregate.type, made)
    return made
  }
}
