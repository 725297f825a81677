import { Schema } from "effect"

/** A command could not do what it should. The message is one line: what is wrong and what to do. */
export class CommandFailed extends Schema.TaggedError<CommandFailed>()("CommandFailed", {
  message: Schema.String,
}) {}

/** A command did what it should, and the answer is no (exit code 1). Everything was said already. */
export class AnswerIsNo extends Schema.TaggedError<AnswerIsNo>()("AnswerIsNo", {}) {}

/** The arguments do not make sense together (exit code 2). */
export class WrongUsage extends Schema.TaggedError<WrongUsage>()("WrongUsage", { message: Schema.String }) {}
