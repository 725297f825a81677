import { Schema } from "effect"

/** `[A-Za-z0-9_-]`, 1 to 64 characters: what may become part of a log subject (security.md). */
export const AggregateId = Schema.String.check(Schema.isPattern(/^[A-Za-z0-9_-]{1,64}$/u))

/** A lower-case UUID, as every project, task, chat, message and member has one. */
export const Uuid = Schema.String.annotate({ format: "uuid" }).check(
  Schema.isPattern(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/u, {
    message: "must be a UUID in lower case",
  }),
)

/** The name of a project or member in paths and frames: `[a-z0-9-]{1,50}`, never changed. */
export const Slug = Schema.String.check(
  Schema.isPattern(/^[a-z0-9-]{1,50}$/u, { message: "must be 1 to 50 characters of a-z, 0-9 and -" }),
)

/** Identifies one command for ever. Printable ASCII, because it travels in message headers. */
export const CommandId = Schema.String.check(Schema.isPattern(/^[\x21-\x7e]{1,255}$/))
export type CommandId = typeof CommandId.Type

/** Ids that clients chose are remembered with the aggregate; generated ones start with `:` and need not be. */
export const isChosen = (command: CommandId): boolean => !command.startsWith(":")

/** A position in the log: the sequence of a record, or 0 for before the first. */
export const Seq = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))

/** RFC 3339 in UTC with milliseconds, as `Date.prototype.toISOString` writes it. */
export const Instant = Schema.String.annotate({ format: "date-time" }).check(
  Schema.isPattern(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/u),
)
