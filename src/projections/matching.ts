import type { AggregateType } from "../domain/Aggregate.ts"
import type { Recorded } from "../domain/CommitRecord.ts"

/** Every condition that is given must hold. */
export interface Conditions {
  /** The aggregate; without an id all of its type. */
  readonly aggregate?: { readonly type: AggregateType; readonly id?: string | undefined } | undefined
  /** Tags, one of which one of the record's events must have. */
  readonly types?: ReadonlyArray<string> | undefined
  readonly actor?: string | undefined
  readonly correlation?: string | undefined
}

/** Answers whether a record meets all conditions. */
export const matching =
  ({ actor, aggregate, correlation, types }: Conditions) =>
  ({ record, subject }: Recorded<string>): boolean =>
    (aggregate === undefined ||
      (subject.type === aggregate.type && (aggregate.id === undefined || subject.id === aggregate.id))) &&
    (types === undefined || record.events.some(({ _tag }) => types.includes(_tag))) &&
    (actor === undefined || record.actor === actor) &&
    (correlation === undefined || record.correlation === correlation)
