import { Effect, Schema } from "effect"

/** A field that may be left out: then it has this value, in the decoded input as in the documents. */
export const filled = <S extends Schema.Codec<unknown, unknown>>(schema: S, value: NoInfer<S["Type"]>) =>
  schema.pipe(Schema.withDecodingDefaultTypeKey(Effect.succeed(value)))
