import { Context, type Effect, Schema, type Scope } from "effect"
import type { Recorded } from "../domain/CommitRecord.ts"
import type { Stray } from "../domain/Line.ts"
import type { Row, Table } from "./Table.ts"
import type { TableWrites } from "./Writes.ts"

/** The tables that one projector keeps, made anew when `version` (or a table's description) changes. */
export interface Model {
  readonly name: string
  readonly tables: ReadonlyArray<Table>
  readonly version: string
  /**
   * True when the source of the model is not kept: its tables are then never made anew, only columns are
   * added to them.
   */
  readonly isKept?: boolean
}

/**
 * The place that a projector has reached: the last record's sequence and hash, and the log (its creation
 * time) that it came from.
 */
export interface Checkpoint {
  readonly seq: number
  readonly hash: string
  readonly log: string
}

/** A record that could not be projected, and why; later ones of its aggregate queue behind it. */
export interface Parked {
  readonly recorded: Recorded<string>
  readonly error: string
}

/** The writes of one transaction, which are made if the checkpoint is where `from` says. */
export interface Transaction {
  readonly from: number
  readonly to: Checkpoint
  readonly writes: ReadonlyArray<TableWrites>
  /** Feed frames from before this time go, or rather: up to the newest that is that old, `mark` if it is among these writes. */
  readonly expired?: { readonly before: string; readonly mark: number | undefined } | undefined
  readonly park?: ReadonlyArray<Parked> | undefined
  readonly strays?: ReadonlyArray<Stray> | undefined
  /** Sequences of parked records that these writes are of. */
  readonly unpark?: ReadonlyArray<number> | undefined
}

/** The end of a term: the connection is lost, the database is away, or another writer has taken over. */
export class TermEnded extends Schema.TaggedError<TermEnded>()("TermEnded", { reason: Schema.String }) {}

/** The database answers, but never takes these rows: not an outage. Nothing was written. */
export class RowsRefused extends Schema.TaggedError<RowsRefused>()("RowsRefused", {
  reason: Schema.String,
}) {}

/** The time during which this process alone writes a model. Any error but `RowsRefused` ends it. */
export interface Term {
  /** The checkpoint at the beginning of the term. */
  readonly start: Checkpoint
  readonly parked: Effect.Effect<ReadonlyArray<Parked>, TermEnded>
  readonly rows: (table: Table, ids: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<Row>, TermEnded>
  /** The time of the newest frame in the feed. */
  readonly clock: Effect.Effect<string, TermEnded>
  /** The same of those that a record before `seq` made. */
  readonly clockBefore: (seq: number) => Effect.Effect<string, TermEnded>
  readonly commit: (transaction: Transaction) => Effect.Effect<void, TermEnded | RowsRefused>
  /** Fails as soon as it is known that the term is over. */
  readonly ended: Effect.Effect<never, TermEnded>
}

/** The keeper of projectors' tables. Each model has one writer, whatever the number of processes. */
export class Store extends Context.Service<
  Store,
  {
    /** Waits, through outages, until this process is the one that writes the model. The scope gives it up. */
    readonly lead: (model: Model) => Effect.Effect<Term, never, Scope.Scope>
  }
>()("crewlog/projections/Store") {}
