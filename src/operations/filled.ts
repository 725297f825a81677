import { Effect, Schema } from "effect"

/** A field that may be left out: then it has this value, in the decoded input as in the documents. */
export const filled = <Filled extends Schema.Codec<unknown, unknown>>(
  schema: Filled,
  value: NoInfer<Filled["Type"]>,
) => schema.pipe(Schema.withDecodingDefaultTypeKey(Effect.succeed(value)))
