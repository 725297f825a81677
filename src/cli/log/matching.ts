import type { Recorded, Subject } from "../../domain/CommitRecord.ts"

/** Every condition that is given must hold. */
export interface Conditions {
  readonly aggregate?: Subject | undefined
  /** The tag of one of the record's events. */
  readonly type?: string | undefined
  readonly actor?: string | undefined
  readonly correlation?: string | undefined
}

export const matching =
  ({ actor, aggregate, correlation, type }: Conditions) =>
  ({ record, subject }: Recorded): boolean =>
    (aggregate === undefined || (subject.type === aggregate.type && subject.id === aggregate.id)) &&
    (type === undefined || record.events.some(({ _tag }) => _tag === type)) &&
    (actor === undefined || record.actor === actor) &&
    (correlation === undefined || record.correlation === correlation)
