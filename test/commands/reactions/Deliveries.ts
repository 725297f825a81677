import { Context, type Effect, Schema } from "effect"

/** The outside can't be reached, or did not answer: what was sent may have been taken. */
export class OutsideAway extends Schema.TaggedError<OutsideAway>()("OutsideAway", {
  reason: Schema.String,
}) {}

/** The outside will never take this. */
export class OutsideRefuses extends Schema.TaggedError<OutsideRefuses>()("OutsideRefuses", {
  reason: Schema.String,
}) {}

export interface Letter {
  readonly to: string
  readonly text: string
}

/** The port of the reaction of these tests, as a reaction of the program has one. */
export class Deliveries extends Context.Service<
  Deliveries,
  {
    /** Answers with a receipt. The same key again has no other effect and the same receipt. */
    readonly send: (key: string, letter: Letter) => Effect.Effect<string, OutsideAway | OutsideRefuses>
    /** The receipt of what was sent under a key, if it was. */
    readonly find: (key: string) => Effect.Effect<string | undefined, OutsideAway>
  }
>()("test/commands/reactions/Deliveries") {}
