import { Schema } from "effect"
import { type AggregateType, fold, forEachType, sourceOf } from "../domain/Aggregate.ts"
import { aggregateOf, type EventOf, type SomeAggregate, type StateOf } from "../domain/aggregates.ts"
import type { CommitRecord, Recorded } from "../domain/CommitRecord.ts"
import { type Versions, versionsOf } from "../domain/newer.ts"
import type { StateTable } from "./StateTable.ts"
import { stateTableOf, type stateTables } from "./StateTables.ts"

interface CommitOf<Type extends AggregateType, State> {
  readonly type: Type
  readonly id: string
  readonly seq: number
  readonly record: CommitRecord
  /** Decoded and lifted to their newest version. */
  readonly events: ReadonlyArray<EventOf<Type>>
  /** The aggregate before and after these events; undefined for types without a table. */
  readonly before: State
  readonly after: State
}

/** The commit that a projection is given: one command's outcome, and what it did to its aggregate. */
export type Commit = {
  readonly [Type in AggregateType]: CommitOf<
    Type,
    Type extends keyof typeof stateTables ? StateOf<Type> : undefined
  >
}[AggregateType]

/** The way in which commits of one type are made. `table` is undefined where nobody asks for the state. */
export interface Kind {
  readonly initial: unknown
  readonly table: StateTable<unknown> | undefined
  /** Throws when the record's events are not what this program knows. */
  readonly commit: (recorded: Recorded, before: unknown) => Commit
  /** The events that this program can read. */
  readonly versions: Versions
  /** Changes when the fold does: tables that an older one made are then made anew. */
  readonly source: string
}

const stateful = ({ events: codec, evolve, initial }: SomeAggregate, table: StateTable<unknown>): Kind => {
  const decode = Schema.decodeUnknownSync(Schema.Array(codec))
  return {
    initial,
    table,
    versions: versionsOf(codec),
    source: sourceOf(evolve),
    commit: ({ record, seq, subject }, before) => {
      const events = decode(record.events)
      const after = fold({ initial, evolve }, events, { seq, at: record.at }, before)
      // The type follows from the subject's, which chose this aggregate.
      return { ...subject, seq, record, events, before, after } as unknown as Commit
    },
  }
}

const stateless = ({ events }: SomeAggregate): Kind => {
  const decode = Schema.decodeUnknownSync(Schema.Array(events))
  return {
    initial: undefined,
    table: undefined,
    versions: versionsOf(events),
    source: "",
    commit: ({ record, seq, subject }) =>
      ({ ...subject, seq, record, events: decode(record.events) }) as unknown as Commit,
  }
}

export const kinds = forEachType((type): Kind => {
  const table = stateTableOf(type)
  return table === undefined ? stateless(aggregateOf(type)) : stateful(aggregateOf(type), table)
})
