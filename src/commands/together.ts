import { Result } from "effect"
import { type Aggregate, fold } from "../domain/Aggregate.ts"

const nowhere = { seq: 0, at: "" }

/** The aggregate for several commands that are one record: each is decided on the outcome of those before it, all or none. */
export const together = <State, Command, Event extends { readonly _tag: string }, Refusal>(
  aggregate: Aggregate<State, Command, Event, Refusal>,
): Aggregate<State, ReadonlyArray<Command>, Event, Refusal> => ({
  ...aggregate,
  decide: (commands, state) => {
    let after = state
    const events: Array<Event> = []
    for (const command of commands) {
      const decision = aggregate.decide(command, after)
      if (Result.isFailure(decision)) return Result.fail(decision.failure)
      events.push(...decision.success)
      after = fold(aggregate, decision.success, nowhere, after)
    }
    return Result.succeed(events)
  },
})
