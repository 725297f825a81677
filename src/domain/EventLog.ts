import { Context, type Effect, Schema, type Stream } from "effect"
import type { AggregateType } from "./Aggregate.ts"
import type { CommitRecord, Recorded, Subject } from "./CommitRecord.ts"
import type { Line } from "./Line.ts"

/** Another writer was first on this subject, or our own earlier try was stored and its answer lost: load and see. */
export class WrongGuard extends Schema.TaggedError<WrongGuard>()("WrongGuard", {
  subject: Schema.String,
  guard: Schema.Int,
}) {
  override get message() {
    return `the newest record of ${this.subject} is not ${this.guard}`
  }
}

/**
 * The log can't be reached, or did not answer in time. `unknown` is true when a record was
 * sent and may still turn out to be stored: repeat with the same command id.
 */
export class LogUnavailable extends Schema.TaggedError<LogUnavailable>()("LogUnavailable", {
  reason: Schema.String,
  unknown: Schema.Boolean,
}) {
  override get message() {
    return `the log does not answer: ${this.reason}`
  }
}

/** The log takes no more (disk or limit). Never retried blindly: an operator is needed. */
export class LogFull extends Schema.TaggedError<LogFull>()("LogFull", { reason: Schema.String }) {
  override get message() {
    return `the log takes no more: ${this.reason}`
  }
}

/** The record is larger than a message on the log may be (256 KiB). */
export class RecordTooLarge extends Schema.TaggedError<RecordTooLarge>()("RecordTooLarge", {
  bytes: Schema.Int,
}) {}

/** The log is not what it should be: a hole, a damaged or replaced record, another stream. */
export class LogDamaged extends Schema.TaggedError<LogDamaged>()("LogDamaged", {
  seq: Schema.Int,
  reason: Schema.String,
}) {
  override get message() {
    return `the log is damaged at ${this.seq}: ${this.reason}`
  }
}

/** A newer program wrote the record: nothing can be decided on its aggregate until this node is that program, too. */
export class NewerRecord extends Schema.TaggedError<NewerRecord>()("NewerRecord", {
  seq: Schema.Int,
  subject: Schema.String,
  what: Schema.String,
}) {
  override get message() {
    return `a newer program wrote record ${this.seq} of ${this.subject} (${this.what}): update this node`
  }
}

export interface Append {
  readonly subject: Subject<string>
  /** The sequence of the last record of this subject that the decision was based on, 0 for none. */
  readonly guard: number
  readonly record: CommitRecord
}

/** `duplicate`: the log already held this command within its window; the record at `seq` is the truth, not ours. */
export interface Appended {
  readonly seq: number
  readonly duplicate: boolean
}

/** The identity of the log (`epoch`, the stream's creation time), and its first and last sequence. */
export interface Head {
  readonly epoch: string
  readonly first: number
  readonly last: number
}

/** The append-only log that every other state is derived from. */
export class EventLog extends Context.Service<
  EventLog,
  {
    /** Stored if the guard holds, once; answers only when the outcome is known, or says that it is not. */
    readonly append: (
      request: Append,
    ) => Effect.Effect<Appended, WrongGuard | LogUnavailable | LogFull | RecordTooLarge>
    /** The newest record of a subject; stray messages behind it do not count, and do not stand in the way of its guard. */
    readonly last: (subject: Subject) => Effect.Effect<Recorded | undefined, LogUnavailable | LogDamaged>
    /** The record of an aggregate that this program knows, at a sequence. */
    readonly at: (seq: number) => Effect.Effect<Recorded | undefined, LogUnavailable | LogDamaged>
    /** The line at a sequence, whatever it is. */
    readonly line: (seq: number) => Effect.Effect<Line | undefined, LogUnavailable | LogDamaged>
    /**
     * The records after a sequence, without a hole, then those to come. Never ends by itself. `events`: the
     * records come without their snapshots, for those who fold every event themselves.
     */
    readonly follow: (
      after: number,
      parts?: "whole" | "events",
    ) => Stream.Stream<Line, LogUnavailable | LogDamaged>
    /** The newest record of every aggregate of one type, in log order. */
    readonly newest: (
      type: AggregateType,
    ) => Effect.Effect<ReadonlyArray<Recorded>, LogUnavailable | LogDamaged>
    /** Every record of one type after a sequence, then whatever comes next. Never ends by itself. */
    readonly followType: (
      type: AggregateType,
      after: number,
    ) => Stream.Stream<Recorded, LogUnavailable | LogDamaged>
    readonly head: Effect.Effect<Head, LogUnavailable>
  }
>()("crewlog/domain/EventLog") {}
