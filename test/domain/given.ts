import { Result } from "effect"
import { type Aggregate, fold } from "../../src/domain/Aggregate.ts"

/** The time and the position of everything in an example. */
export const placed = { seq: 7, at: "2026-03-01T10:30:00.000Z" }

/** `given(...events).when(command)`: the events it records, or the refusal with its fields. */
export const scenario = <State, Command, Event extends { readonly _tag: string }, Refusal extends object>(
  aggregate: Aggregate<State, Command, Event, Refusal>,
) => scenarioKnowing(aggregate, undefined)

/** The same for aggregates that decide on facts: the usual ones, unless `when` is given others. */
export const scenarioKnowing =
  <State, Command, Event extends { readonly _tag: string }, Refusal extends object, Facts>(
    aggregate: Aggregate<State, Command, Event, Refusal, Facts>,
    usual: Facts,
  ) =>
  (...events: ReadonlyArray<Event>) => {
    const state = fold(aggregate, events, placed)
    return {
      state,
      when: (command: Command, facts: Facts = usual) =>
        Result.match(aggregate.decide(command, state, facts), {
          onSuccess: (events): unknown => events,
          onFailure: (refusal): unknown => ({ ...refusal }),
        }),
    }
  }
