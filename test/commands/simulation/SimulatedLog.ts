import { type AggregateType, aggregateTypes } from "../../../src/domain/Aggregate.ts"
import type { Recorded, Subject } from "../../../src/domain/CommitRecord.ts"
import type { Append, Appended } from "../../../src/domain/EventLog.ts"

const keyOf = ({ id, type }: Subject<string>) => `${type}.${id}`

const isOurs = (subject: Subject<string>): subject is Subject =>
  aggregateTypes.some((type) => type === subject.type)

/** The one log that all simulated nodes write to: guards and message ids, as a stream of one replica checks them. */
export class SimulatedLog {
  readonly records: Array<Recorded> = []
  readonly #bySubject = new Map<string, Array<number>>()
  readonly #byCommand = new Map<string, number>()
  readonly #listeners = new Map<AggregateType, Array<(recorded: Recorded) => void>>()
  readonly #isGuarded: boolean

  /** Without guards whoever comes last wins: for showing that somebody notices. */
  constructor({ isGuarded = true }: { readonly isGuarded?: boolean } = {}) {
    this.#isGuarded = isGuarded
  }

  /** Undefined: the guard does not hold. */
  store({ guard, record, subject }: Append): Appended | undefined {
    if (!isOurs(subject)) throw new Error(`no aggregate is called ${subject.type}`)
    const key = keyOf(subject)
    const own = this.#bySubject.get(key) ?? []
    if (this.#isGuarded && (own.at(-1) ?? 0) !== guard) return undefined
    const known = this.#byCommand.get(`${key}:${record.command}`)
    if (known !== undefined) return { seq: known, duplicate: true }
    const recorded = { seq: this.records.length + 1, subject, record }
    this.records.push(recorded)
    this.#bySubject.set(key, [...own.slice(-1), recorded.seq])
    this.#byCommand.set(`${key}:${record.command}`, recorded.seq)
    for (const listener of this.#listeners.get(subject.type) ?? []) listener(recorded)
    return { seq: recorded.seq, duplicate: false }
  }

  last(subject: Subject): Recorded | undefined {
    return this.records[(this.#bySubject.get(keyOf(subject))?.at(-1) ?? 0) - 1]
  }

  newest(type: AggregateType): ReadonlyArray<Recorded> {
    return this.records.filter(
      (recorded) => recorded.subject.type === type && this.last(recorded.subject) === recorded,
    )
  }

  /** The record of a command on one aggregate, as the receipts of a read model would know it. */
  recordOf(subject: Subject, command: string): number | undefined {
    return this.#byCommand.get(`${keyOf(subject)}:${command}`)
  }

  /** The listener to every record of a type from now on. */
  listen(type: AggregateType, listener: (recorded: Recorded) => void): void {
    this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), listener])
  }
}
