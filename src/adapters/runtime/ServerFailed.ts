import { Schema } from "effect"

/** An embedded server, or the folder it needs, can't be had. The message says what is wrong and what to do. */
export class ServerFailed extends Schema.TaggedError<ServerFailed>()("ServerFailed", {
  server: Schema.Literals(["nats-server", "PostgreSQL"]),
  message: Schema.String,
  cause: Schema.optionalKey(Schema.Defect()),
}) {}
