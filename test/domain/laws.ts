import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Result, Schema } from "effect"
import type { Aggregate } from "../../src/domain/Aggregate.ts"
import { histories, run, withFacts } from "./histories.ts"

type Tagged = { readonly _tag: string }
/** A schema that knows its cases, as `Schema.TaggedUnion` makes it. */
type Union<A> = Schema.Codec<A, unknown> & { readonly cases: Record<string, unknown> }

/** As JSON has it, where -0 is 0. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value))
const assertSame = (actual: unknown, expected: unknown) =>
  assert.deepStrictEqual(plain(actual), plain(expected))

/**
 * The laws of every aggregate, over histories that its own decisions allow. The last law keeps the others
 * honest: every command was accepted and every event recorded at least once.
 */
export const laws = <State, Command extends Tagged, Event extends Tagged, Refusal, Facts = void>(
  of: Aggregate<State, Command, Event, Refusal, Facts>,
  eventSchema: Union<Event>,
  commandSchema: Union<Command>,
  factsSchema: Schema.Schema<Facts> = Schema.Undefined as unknown as Schema.Schema<Facts>,
) => {
  const { aggregate, given } = withFacts(of, commandSchema, factsSchema)
  const commands = histories(given)
  const stored = <A>(schema: Schema.Codec<A, unknown>) => {
    const json = Schema.fromJsonString(schema)
    const encode = Schema.encodeSync(json)
    const decode = Schema.decodeUnknownSync(json)
    return (value: A): A => decode(encode(value))
  }
  const storedEvent = stored(aggregate.events)
  const storedState = stored(aggregate.state)

  describe(`the laws of ${aggregate.type}`, () => {
    it.prop(
      "a command repeated on its own outcome records nothing or is refused",
      [commands],
      ([commands]) => {
        for (const { command, after } of run(aggregate, commands)) {
          const again = aggregate.decide(command, after)
          assert.isTrue(Result.isFailure(again) || again.success.length === 0, JSON.stringify(command))
        }
      },
    )

    it.prop("events survive their storage format", [Schema.toType(eventSchema)], ([event]) => {
      assertSame(storedEvent(event), event)
    })

    it.prop("what was decided survives its storage format", [commands], ([commands]) => {
      for (const { events } of run(aggregate, commands)) {
        for (const event of events ?? []) assertSame(storedEvent(event), event)
      }
    })

    it.prop("states survive their storage format", [commands], ([commands]) => {
      for (const { after } of run(aggregate, commands)) assertSame(storedState(after), after)
    })

    it.prop(
      "a snapshot in the record itself is the same state, once it is located",
      [commands],
      ([commands]) => {
        const locate = aggregate.locate ?? ((state: State) => state)
        for (const { before, events, placed, after } of run(aggregate, commands)) {
          const unplaced = { ...placed, seq: 0 }
          const snapshot = (events ?? []).reduce(
            (state, event) => aggregate.evolve(state, event, unplaced),
            before,
          )
          assertSame(locate(storedState(snapshot), placed.seq), after)
        }
      },
    )

    it.effect("these laws were tried on every command and every event", () =>
      Effect.gen(function* () {
        const samples = yield* Arbitrary.sampleEffect(commands, {
          count: 200,
          size: 10,
          seed: aggregate.type,
        })
        const recorded = samples
          .flatMap((commands) => run(aggregate, commands))
          .filter(({ events = [] }) => events.length > 0)
        const accepted = new Set(recorded.map(({ command: { command } }) => command._tag))
        const seen = new Set(recorded.flatMap(({ events = [] }) => events.map(({ _tag }) => _tag)))
        assert.sameMembers([...accepted], Object.keys(commandSchema.cases))
        assert.sameMembers([...seen], Object.keys(eventSchema.cases))
      }),
    )
  })
}
