import { DateTime } from "effect"
import type { AggregateType } from "../domain/Aggregate.ts"
import type { Recorded } from "../domain/CommitRecord.ts"
import { kinds } from "./Commit.ts"
import { feed, framesOf } from "./Feed.ts"
import { historyOf } from "./History.ts"
import { messagesOf } from "./Messages.ts"
import { nothingChangedIn } from "./NothingChanged.ts"
import { owedOf } from "./Owed.ts"
import type { StateTable } from "./StateTable.ts"
import type { Transaction } from "./Store.ts"
import type { Row, RowOf } from "./Table.ts"
import { entry, put, remove, Writes } from "./Writes.ts"

interface Known {
  readonly seq: number
  readonly state: unknown
}

/** The states that the aggregates of a batch came to, by table and id. */
type States = Map<StateTable<unknown>, Map<string, Known>>

// Of each type. More than the batches that are on their way to the database and the next: what they wrote must not be
// forgotten.
const REMEMBERED = 5_000
const KEPT = { days: 7 }

/**
 * Turns batches of records into writes. Remembers the newest states, so that most batches need no
 * look into the tables; thrown away as soon as one of its batches was not committed.
 */
export class Batch {
  readonly #known = new Map<AggregateType, Map<string, Known>>()
  #clock: string

  /** `clock` is the newest `at` in the feed. */
  constructor(clock: string) {
    this.#clock = clock
  }

  /** The states that have to be given to `remember` before these records can be folded. */
  missing(records: ReadonlyArray<Recorded>): ReadonlyMap<StateTable<unknown>, ReadonlyArray<string>> {
    const wanted = new Map<StateTable<unknown>, Array<string>>()
    const met = new Map<AggregateType, Set<string>>()
    for (const { record, subject } of records) {
      const { id, type } = subject
      const { table } = kinds[type]
      if (table === undefined || this.#of(type).has(id)) continue
      // What one record of a batch leaves behind is known to the next.
      const ids = entry(met, type, () => new Set())
      if (ids.has(id)) continue
      ids.add(id)
      if (record.prev !== 0) entry(wanted, table, () => []).push(id)
    }
    return wanted
  }

  remember(table: StateTable<unknown>, rows: ReadonlyArray<Row>): void {
    const known = this.#of(table.of)
    for (const row of rows) {
      known.set(String(row["id"]), { seq: Number(row["seq"]), state: table.stateOf(row) })
    }
  }

  /** Throws when a record can't be folded; then nothing of this batch may be written. */
  fold(records: ReadonlyArray<Recorded>): Pick<Transaction, "expired"> & { readonly writes: Writes } {
    const writes = new Writes()
    const frames: Array<RowOf<typeof feed>> = []
    const states: States = new Map()
    const hour = this.#clock.slice(0, 13)
    for (const recorded of records) this.#add(recorded, writes, frames, states)
    // Only the last state of each makes a row.
    for (const [table, all] of states) {
      for (const [id, { seq, state }] of all) {
        const row = table.rowOf(id, seq, state)
        writes.add(row === undefined ? remove(table, { id }) : { table, put: row })
      }
    }
    this.#forget()
    const before = this.#clock.slice(0, 13) === hour ? undefined : expiry(this.#clock)
    const mark = before === undefined ? undefined : frames.findLast(({ at }) => at < before)?.seq
    for (const frame of frames) if (mark === undefined || frame.seq >= mark) writes.add(put(feed, frame))
    return { writes, expired: before === undefined ? undefined : { before, mark } }
  }

  #add(recorded: Recorded, writes: Writes, frames: Array<RowOf<typeof feed>>, states: States): void {
    const { record, seq, subject } = recorded
    const { id, type } = subject
    const { commit: commitOf, table } = kinds[type]
    const commit = commitOf(recorded, this.#before(recorded))
    if (table !== undefined) {
      const now = { seq, state: commit.after }
      entry(states, table, () => new Map()).set(id, now)
      const known = this.#of(type)
      known.delete(id)
      if (table.isShown(commit.after)) known.set(id, now)
    }
    for (const change of historyOf(commit)) writes.add(change)
    for (const change of nothingChangedIn(commit)) writes.add(change)
    for (const change of messagesOf(commit)) writes.add(change)
    for (const change of owedOf(commit)) writes.add(change)
    framesOf(commit).forEach((frame, idx) => {
      if (record.at > this.#clock) this.#clock = record.at
      frames.push({ seq, idx, at: this.#clock, ...frame })
    })
  }

  /**
   * The state before a record. Without a row it starts anew: there must be nothing that the record follows,
   * unless it changes nothing.
   */
  #before({ record, seq, subject }: Recorded): unknown {
    const kind = kinds[subject.type]
    if (kind.table === undefined) return undefined
    const row = this.#of(subject.type).get(subject.id)
    if (row === undefined && record.events.length === 0) return kind.initial
    const known = row ?? { seq: 0, state: kind.initial }
    if (known.seq === record.prev) return known.state
    throw new Error(
      `record ${seq} follows ${record.prev} of ${subject.type} ${subject.id}, but its row is that of ${known.seq}`,
    )
  }

  #of(type: AggregateType): Map<string, Known> {
    return entry(this.#known, type, () => new Map())
  }

  #forget(): void {
    for (const known of this.#known.values()) {
      for (const id of known.keys()) {
        if (known.size <= REMEMBERED) break
        known.delete(id)
      }
    }
  }
}

/** Up to when frames are gone: full hours, so that it seldom changes. */
export const expiry = (clock: string): string =>
  DateTime.formatIso(DateTime.subtract(DateTime.makeUnsafe(`${clock.slice(0, 13)}:00:00.000Z`), KEPT))
