import type { Effect } from "effect"
import type { Aggregate } from "../../domain/Aggregate.ts"
import type { Subject } from "../../domain/CommitRecord.ts"
import type { Envelope } from "../Envelope.ts"
import type { DispatchFailure, Outcome } from "../Outcome.ts"
import type { AggregateHistory } from "./histories.ts"

/** A command on its way, and all that is needed to judge it. */
export interface Given<State, Command, Event extends { readonly _tag: string }, Refusal> {
  readonly aggregate: Aggregate<State, Command, Event, Refusal>
  readonly history: AggregateHistory<State, Event>
  readonly command: Command
  readonly envelope: Envelope
  readonly subject: Subject
  /** The subject in one word. */
  readonly key: string
}

export type Deciding<State, Event, Refusal> = Effect.Effect<Outcome<State, Event>, Refusal | DispatchFailure>
