import { Schema } from "effect"
import { Amount, upTo } from "./Amount.ts"
import { Line, Title } from "./Text.ts"

/** A model's name, as callers or as a backend have it (provider-gateway.md). */
export const ModelName = Title(200)
const Price = upTo(1_000)
const Tokens = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1_000_000_000 }))

/** USD per token. */
const Cost = Schema.Struct({ input: Price, output: Price, cacheRead: Price, cacheWrite: Price })

/** A model at one backend: its name, its abilities and its price there. */
export const ModelMapping = Schema.Struct({
  native_id: ModelName,
  reasoning: Schema.Boolean,
  reasoning_effort: Schema.NullOr(Line(50)),
  input_modalities: Schema.Array(Line(50)).check(Schema.isMaxLength(20)),
  cost: Cost,
  context_window: Tokens,
  max_tokens: Tokens,
  compat: Schema.Record(Line(100), Schema.Union([Line(1_000), Schema.Boolean, Amount])).check(
    Schema.isMaxProperties(50),
  ),
})
export type ModelMapping = typeof ModelMapping.Type
