import { Schema } from "effect"
import { type AggregateType, fold, forEachType } from "../../domain/Aggregate.ts"
import { aggregateOf, type SomeAggregate } from "../../domain/aggregates.ts"
import type { CommitRecord } from "../../domain/CommitRecord.ts"
import type { Digest } from "../../domain/Digest.ts"
import { foldHash } from "../../domain/History.ts"
import { type Versions, versionsOf } from "../../domain/newer.ts"

/** The part of a verification that one type of aggregate adds. */
export interface Checker {
  readonly initial: unknown
  readonly codec: Schema.Codec<unknown, unknown>
  /** A snapshot counts only when it names this fold. */
  readonly fold: string
  /** The versions of events that this program can read. */
  readonly versions: Versions
  /** Throws when the record's events are not what the Schema says. */
  readonly decode: (record: CommitRecord) => ReadonlyArray<unknown>
  readonly advance: (events: ReadonlyArray<unknown>, before: unknown, seq: number, at: string) => unknown
  readonly encode: (state: unknown) => unknown
}

const checker = (aggregate: SomeAggregate, digest: Digest["Service"]): Checker => {
  const decode = Schema.decodeUnknownSync(Schema.Array(aggregate.events))
  return {
    initial: aggregate.initial,
    codec: aggregate.state,
    fold: foldHash(digest, aggregate),
    versions: versionsOf(aggregate.events),
    decode: ({ events }) => decode(events),
    advance: (events, before, seq, at) =>
      fold(aggregate, events as ReadonlyArray<{ readonly _tag: string }>, { seq, at }, before),
    encode: Schema.encodeUnknownSync(aggregate.state),
  }
}

export type Checkers = Readonly<Record<AggregateType, Checker>>

export const checkersOf = (digest: Digest["Service"]): Checkers =>
  forEachType((type) => checker(aggregateOf(type), digest))
