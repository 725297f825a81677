import { Result } from "effect"
import type { Aggregate } from "../domain/Aggregate.ts"

/**
 * The aggregate under a refusal that was found outside of it. To be dispatched like any command,
 * because a command that was accepted before still gets its first answer, whatever has changed since.
 */
export const refusing = <State, Command, Event extends { readonly _tag: string }, Refusal, Outside>(
  aggregate: Aggregate<State, Command, Event, Refusal>,
  refusal: Outside,
): Aggregate<State, unknown, Event, Outside> => ({ ...aggregate, decide: () => Result.fail(refusal) })
