import { Result } from "effect"
import type { Aggregate, Evolving } from "../domain/Aggregate.ts"

/** The aggregate under a command that changes nothing of it, and is only to be remembered. */
export const accepting = <State, Event extends { readonly _tag: string }>(
  aggregate: Evolving<State, Event>,
): Aggregate<State, void, Event, never> => ({ ...aggregate, decide: () => Result.succeed([]) })
