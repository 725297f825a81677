import { DateTime } from "effect"
import type { Recorded } from "../domain/CommitRecord.ts"
import { kinds } from "./Commit.ts"
import { deadlinesOf } from "./Deadlines.ts"
import { feed, framesOf } from "./Feed.ts"
import { historyOf } from "./History.ts"
import { messagesOf } from "./Messages.ts"
import type { StateTable } from "./StateTable.ts"
import type { Transaction } from "./Store.ts"
import type { Row, RowOf } from "./Table.ts"
import { put, remove, Writes } from "./Writes.ts"

interface Known {
  readonly seq: number
  readonly state: unknown
}

// At least twice a batch: what a batch still on its way to the database wrote must not be forgotten.
const REMEMBERED = 5_000
const KEPT = { days: 7 }

/**
 * Turns batches of records into writes. Remembers the newest states, so that most batches need no
 * look into the tables; thrown away as soon as one of its batches was not committed.
 */
export class Batch {
  readonly #known = new Map<string, Known>()
  #clock: string

  /** `clock` is the newest `at` in the feed. */
  constructor(clock: string) {
    this.#clock = clock
  }

  /** The states that have to be given to `remember` before these records can be folded. */
  missing(records: ReadonlyArray<Recorded>): ReadonlyMap<StateTable<unknown>, ReadonlyArray<string>> {
    const wanted = new Map<StateTable<unknown>, Set<string>>()
    for (const { record, subject } of records) {
      const { table } = kinds[subject.type]
      if (table === undefined || record.prev === 0 || this.#known.has(keyOf(subject))) continue
      const ids = wanted.get(table) ?? new Set()
      wanted.set(table, ids.add(subject.id))
    }
    return new Map(Array.from(wanted, ([table, ids]) => [table, [...ids]]))
  }

  remember(table: StateTable<unknown>, rows: ReadonlyArray<Row>): void {
    for (const row of rows) {
      this.#known.set(keyOf({ type: table.of, id: String(row["id"]) }), {
        seq: Number(row["seq"]),
        state: table.stateOf(row),
      })
    }
  }

  /** Throws when a record can't be folded; then nothing of this batch may be written. */
  fold(records: ReadonlyArray<Recorded>): Pick<Transaction, "expired"> & { readonly writes: Writes } {
    const writes = new Writes()
    const frames: Array<RowOf<typeof feed>> = []
    const hour = this.#clock.slice(0, 13)
    for (const recorded of records) this.#add(recorded, writes, frames)
    this.#forget()
    const before = this.#clock.slice(0, 13) === hour ? undefined : expiry(this.#clock)
    const mark = before === undefined ? undefined : frames.findLast(({ at }) => at < before)?.seq
    for (const frame of frames) if (mark === undefined || frame.seq >= mark) writes.add(put(feed, frame))
    return { writes, expired: before === undefined ? undefined : { before, mark } }
  }

  #add(recorded: Recorded, writes: Writes, frames: Array<RowOf<typeof feed>>): void {
    const { record, seq, subject } = recorded
    const kind = kinds[subject.type]
    const commit = kind.commit(recorded, this.#before(recorded))
    if (kind.table !== undefined) {
      const row = kind.table.rowOf(subject.id, seq, commit.after)
      writes.add(row === undefined ? remove(kind.table, { id: subject.id }) : { table: kind.table, put: row })
      this.#known.delete(keyOf(subject))
      if (row !== undefined) this.#known.set(keyOf(subject), { seq, state: commit.after })
    }
    for (const change of historyOf(commit)) writes.add(change)
    for (const change of messagesOf(commit)) writes.add(change)
    for (const change of deadlinesOf(commit)) writes.add(change)
    framesOf(commit).forEach((frame, idx) => {
      if (record.at > this.#clock) this.#clock = record.at
      frames.push({ seq, idx, at: this.#clock, ...frame })
    })
  }

  /** What has no row starts anew: there must be nothing that the record follows. */
  #before({ record, seq, subject }: Recorded): unknown {
    const kind = kinds[subject.type]
    if (kind.table === undefined) return undefined
    const known = this.#known.get(keyOf(subject)) ?? { seq: 0, state: kind.initial }
    if (known.seq === record.prev) return known.state
    throw new Error(
      `record ${seq} follows ${record.prev} of ${subject.type} ${subject.id}, but its row is that of ${known.seq}`,
    )
  }

  #forget(): void {
    for (const key of this.#known.keys()) {
      if (this.#known.size <= REMEMBERED) return
      this.#known.delete(key)
    }
  }
}

const keyOf = ({ id, type }: { readonly type: string; readonly id: string }) => `${type}.${id}`

/** Up to when frames are gone: full hours, so that it seldom changes. */
const expiry = (clock: string): string =>
  DateTime.formatIso(DateTime.subtract(DateTime.makeUnsafe(`${clock.slice(0, 13)}:00:00.000Z`), KEPT))
