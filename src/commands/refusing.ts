import { Result } from "effect"
import type { Aggregate, Evolving } from "../domain/Aggregate.ts"

/**
 * The aggregate under a refusal that was found outside of it. To be dispatched like any command,
 * because a command that was accepted before still gets its first answer, whatever has changed since.
 */
export const refusing = <State, Event extends { readonly _tag: string }, Refusal>(
  aggregate: Evolving<State, Event>,
  refusal: Refusal,
): Aggregate<State, void, Event, Refusal> => ({ ...aggregate, decide: () => Result.fail(refusal) })
