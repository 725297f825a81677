import { Schema } from "effect"
import type { AggregateType, Evolving } from "../../domain/Aggregate.ts"
import { StoredEvent } from "../../domain/CommitRecord.ts"
import type { Digest } from "../../domain/Digest.ts"
import type { EventLog } from "../../domain/EventLog.ts"
import { historian } from "../../domain/History.ts"

const codecOf = <State, Event>({ events, state }: Evolving<State, Event>) => {
  const encode = Schema.encodeUnknownSync(Schema.Array(events))
  const check = Schema.decodeUnknownSync(Schema.Array(StoredEvent))
  return {
    encodeState: Schema.encodeSync(state),
    encodeEvents: (decided: ReadonlyArray<Event>) => check(encode(decided)),
  }
}

/** The past of one type of aggregate: how it is read, and how it is written. */
export type AggregateHistory<State, Event> = ReturnType<typeof historian<State, Event>> &
  ReturnType<typeof codecOf<State, Event>>

/** Histories by type of aggregate, each made once: that an aggregate decides on facts, or refuses, is all the same. */
export const makeHistories = (log: EventLog["Service"], digest: Digest["Service"]) => {
  const known = new Map<AggregateType, unknown>()

  return <State, Event>(aggregate: Evolving<State, Event>): AggregateHistory<State, Event> => {
    const before = known.get(aggregate.type)
    if (before !== undefined) return before as AggregateHistory<State, Event>
    const made = { ...historian(aggregate, log, digest), ...codecOf(aggregate) }
    known.set(aggregate.type, made)
    return made
  }
}
