import { assert, describe, it } from "@effect/vitest"
import { Result, Schema, SchemaGetter } from "effect"
import { type Aggregate, fold } from "../../src/domain/Aggregate.ts"

// How an event gets a second version: the newest stands in the union that the code knows, the
// older ones only in `events`, each lifted on the way in. Nothing is written in an old version.

/** The first version said how bright, but not in which unit. */
const LampLitV1 = Schema.TaggedStruct("LampLit", { v: Schema.tag(1), watts: Schema.Int })

const LampEvent = Schema.TaggedUnion({
  LampLit: { v: Schema.tag(2), lumens: Schema.Int, colour: Schema.NullOr(Schema.String) },
  LampDimmed: { v: Schema.tag(1) },
})
type LampEvent = typeof LampEvent.Type

const LampLitFromV1 = LampLitV1.pipe(
  Schema.decodeTo(LampEvent.cases.LampLit, {
    decode: SchemaGetter.transform(
      ({ _tag, watts }) => ({ _tag, v: 2, lumens: watts * 14, colour: null }) as const,
    ),
    encode: SchemaGetter.forbidden(() => "LampLit is stored as v2"),
  }),
)

const Lamp: Pick<Aggregate<number, never, LampEvent, never>, "events" | "initial" | "evolve"> = {
  events: Schema.Union([LampEvent, LampLitFromV1]),
  initial: 0,
  evolve: (lumens, event) => (event._tag === "LampLit" ? event.lumens : Math.floor(lumens / 2)),
}

describe("versions of an event", () => {
  const decode = Schema.decodeUnknownResult(Lamp.events)
  const encode = Schema.encodeSync(Lamp.events)
  const v1 = { _tag: "LampLit", v: 1, watts: 60 }
  const v2 = { _tag: "LampLit", v: 2, lumens: 840, colour: null }

  it("versions of an event are lifted to the newest when they are read", () => {
    assert.deepStrictEqual<unknown>(Result.getOrThrow(decode(v1)), v2)
    assert.deepStrictEqual<unknown>(Result.getOrThrow(decode(v2)), v2)
  })

  it("versions of an event are folded alike", () => {
    const stored = [v1, { _tag: "LampDimmed", v: 1 }]
    const events = stored.map((event) => Result.getOrThrow(decode(event)))
    assert.strictEqual(fold(Lamp, events, { seq: 1, at: "2026-03-01T10:30:00.000Z" }), 420)
  })

  it("versions of an event are stored as the newest", () => {
    assert.deepStrictEqual<unknown>(encode(Result.getOrThrow(decode(v1))), v2)
  })

  it("versions of an event are refused when they are unknown, or not what their version says", () => {
    for (const event of [
      { ...v1, v: 3 },
      { ...v1, v: 2 },
      { ...v2, v: 1 },
      { _tag: "LampLit", watts: 60 },
    ]) {
      assert.isTrue(Result.isFailure(decode(event)), JSON.stringify(event))
    }
  })
})
