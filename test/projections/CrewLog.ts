import { Effect, Result, Schema, Stream, SubscriptionRef } from "effect"
import { createHash } from "node:crypto"
import { type Aggregate, type Evolving, fold } from "../../src/domain/Aggregate.ts"
import { chained, type CommitRecord, type Recorded, type Subject } from "../../src/domain/CommitRecord.ts"
import { EventLog } from "../../src/domain/EventLog.ts"

type Stored = CommitRecord["events"]

/**
 * A log in memory that tests write by giving commands, without a dispatcher: whatever is decided
 * is appended. It can also be what a log should never be: with a hole, or another one.
 */
export class CrewLog {
  readonly records: Array<Recorded> = []
  readonly #states = new Map<
    string,
    { readonly state: unknown; readonly seq: number; readonly hash: string }
  >()
  readonly #length = Effect.runSync(SubscriptionRef.make(0))
  readonly epoch: string
  at = Date.UTC(2026, 2, 1, 12)

  constructor(epoch = "2026-03-01T00:00:00.000Z") {
    this.epoch = epoch
  }

  /** The events that the command led to; none when it was refused or already true. */
  give<State, Command, Event extends { readonly _tag: string }, Refusal>(
    aggregate: Aggregate<State, Command, Event, Refusal>,
    id: string,
    command: Command,
  ): ReadonlyArray<Event> {
    const key = `${aggregate.type}.${id}`
    const state = (this.#states.get(key)?.state as State | undefined) ?? aggregate.initial
    const events = Result.getOrElse(aggregate.decide(command, state), () => [])
    if (events.length > 0) this.record(aggregate, id, events)
    return events
  }

  /** The same under a key that somebody chose: also what changed nothing is recorded, where there is an aggregate. */
  giveKeyed<State, Command, Event extends { readonly _tag: string }, Refusal>(
    aggregate: Aggregate<State, Command, Event, Refusal>,
    id: string,
    command: Command,
  ): void {
    const known = this.#states.get(`${aggregate.type}.${id}`)
    const decision = aggregate.decide(command, (known?.state as State | undefined) ?? aggregate.initial)
    if (Result.isFailure(decision)) return
    if (decision.success.length > 0 || known !== undefined) this.record(aggregate, id, decision.success)
  }

  record<State, Event extends { readonly _tag: string }>(
    aggregate: Evolving<State, Event>,
    id: string,
    events: ReadonlyArray<Event>,
  ): void {
    const key = `${aggregate.type}.${id}`
    const before = this.#states.get(key) ?? { state: aggregate.initial, seq: 0, hash: "" }
    const seq = this.records.length + 1
    const open = {
      command: `ada:${seq}`,
      fingerprint: "0123456789abcdef",
      at: new Date((this.at += 250)).toISOString(),
      actor: "ada",
      correlation: `correlation ${seq}`,
      causation: null,
      prev: before.seq,
      events: Schema.encodeUnknownSync(Schema.Array(aggregate.events))(events) as unknown as Stored,
    }
    const hash = createHash("sha256").update(chained(before.hash, open)).digest("hex")
    const state = fold(aggregate, events, { seq, at: open.at }, before.state as State)
    this.#states.set(key, { state, seq, hash })
    this.push({ seq, subject: { type: aggregate.type, id }, record: { ...open, hash } })
  }

  /** The record that would be next, with whatever events. Decisions know nothing of it. */
  next(subject: Subject, events: Stored): Recorded {
    const seq = this.records.length + 1
    const before = this.records.findLast(
      (recorded) => recorded.subject.type === subject.type && recorded.subject.id === subject.id,
    )
    const open = {
      command: `ada:${seq}`,
      fingerprint: "0123456789abcdef",
      at: new Date((this.at += 250)).toISOString(),
      actor: "ada",
      correlation: `correlation ${seq}`,
      causation: null,
      prev: before?.seq ?? 0,
      events,
    }
    const hash = createHash("sha256")
      .update(chained(before?.record.hash ?? "", open))
      .digest("hex")
    return { seq, subject, record: { ...open, hash } }
  }

  /** Appends a record as it is, whatever it is. */
  push(recorded: Recorded): void {
    this.records.push(recorded)
    Effect.runSync(SubscriptionRef.set(this.#length, this.records.length))
  }

  /** Every aggregate there is, as the fold says. */
  get states(): ReadonlyMap<string, { readonly state: unknown; readonly seq: number }> {
    return this.#states
  }

  get service(): EventLog["Service"] {
    const { epoch, records } = this
    return EventLog.of({
      append: () => Effect.die("not here"),
      last: ({ id, type }) =>
        Effect.sync(() => records.findLast(({ subject }) => subject.type === type && subject.id === id)),
      newest: () => Effect.succeed([]),
      at: (seq) => Effect.sync(() => records.find((recorded) => recorded.seq === seq)),
      line: (seq) => Effect.sync(() => records.find((recorded) => recorded.seq === seq)),
      follow: (after) =>
        Stream.suspend(() => {
          let read = records.findIndex(({ seq }) => seq > after)
          if (read === -1) read = records.length
          return SubscriptionRef.changes(this.#length).pipe(
            Stream.flatMap((length) => {
              const next = records.slice(read, length)
              read = Math.max(read, length)
              return Stream.fromIterable(next)
            }),
          )
        }),
      followType: () => Stream.never,
      head: Effect.sync(() => ({ epoch, first: records[0]?.seq ?? 0, last: records.at(-1)?.seq ?? 0 })),
    })
  }
}
