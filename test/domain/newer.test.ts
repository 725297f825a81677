import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema, SchemaGetter } from "effect"
import { randomUUID } from "node:crypto"
import { layer as MemoryLog } from "../../src/adapters/memory/EventLog.ts"
import { layer as DigestLayer } from "../../src/adapters/node/Digest.ts"
import { Dispatcher } from "../../src/commands/dispatch.ts"
import { aggregateTypes } from "../../src/domain/Aggregate.ts"
import { aggregateOf } from "../../src/domain/aggregates.ts"
import type { CommitRecord } from "../../src/domain/CommitRecord.ts"
import { EventLog } from "../../src/domain/EventLog.ts"
import { newerEvent, versionsOf } from "../../src/domain/newer.ts"
import { Task } from "../../src/domain/Task.ts"
import { createTask, envelope, FreeTask, FreshDispatcher, take } from "../support/commands.ts"
import { appendNext } from "../support/records.ts"

const LampEvent = Schema.TaggedUnion({
  LampLit: { v: Schema.tag(2), lumens: Schema.Int },
  LampDimmed: { v: Schema.tag(1) },
})
const LampLitFromV1 = Schema.TaggedStruct("LampLit", { v: Schema.tag(1), watts: Schema.Int }).pipe(
  Schema.decodeTo(LampEvent.cases.LampLit, {
    decode: SchemaGetter.transform(({ _tag, watts }) => ({ _tag, v: 2, lumens: watts * 14 }) as const),
    encode: SchemaGetter.forbidden(() => "LampLit is stored as v2"),
  }),
)

describe("the versions of events", () => {
  it("the versions of events are the newest that a program reads, whatever it lifts", () => {
    for (const events of [LampEvent, Schema.Union([LampEvent, LampLitFromV1])]) {
      const versions = versionsOf(events as Schema.Codec<unknown, unknown>)
      assert.deepStrictEqual([...versions].toSorted(), [
        ["LampDimmed", 1],
        ["LampLit", 2],
      ])
    }
  })

  it("the versions of events tell an event of a newer program by its tag or its version, and no other", () => {
    const versions = versionsOf(LampEvent as Schema.Codec<unknown, unknown>)
    const dimmed = { _tag: "LampDimmed", v: 1 }
    assert.isUndefined(newerEvent(versions, [dimmed, { _tag: "LampLit", v: 2 }, { _tag: "LampLit", v: 1 }]))
    for (const event of [
      { _tag: "LampLit", v: 3 },
      { _tag: "LampSold", v: 1 },
      { _tag: "constructor", v: 1 },
    ])
      assert.deepStrictEqual(newerEvent(versions, [dimmed, event]), event)
  })

  for (const type of aggregateTypes) {
    it(`the versions of events are known of every event of ${type}`, () => {
      const { events } = aggregateOf(type)
      const members = (events.ast as { readonly types?: ReadonlyArray<unknown> }).types?.length ?? 1
      assert.strictEqual(versionsOf(events).size, members)
    })
  }
})

describe("a task that a newer program has changed", () => {
  const changed = (over: Partial<CommitRecord> = {}) =>
    Effect.gen(function* () {
      const id = randomUUID()
      const one = yield* Effect.provide(Dispatcher, FreshDispatcher)
      yield* one.dispatch(FreeTask, id, createTask(id), envelope("ada:create"))
      yield* appendNext({ type: "task", id }, [{ _tag: "TaskPinned", v: 1 }], over)
      return { id, one, other: yield* Effect.provide(Dispatcher, FreshDispatcher) }
    })

  it.live(
    "a task that a newer program has changed is decided on by nobody who does not know the change, cached or not",
    () =>
      Effect.gen(function* () {
        const { id, one, other } = yield* changed()
        for (const dispatcher of [one, other]) {
          for (const command of [take("bob"), createTask(id)]) {
            const error = yield* Effect.flip(dispatcher.dispatch(FreeTask, id, command, envelope(":x")))
            assert.strictEqual(error._tag, "NewerRecord")
            assert.include(String(error), "TaskPinned v1")
          }
          assert.strictEqual((yield* Effect.flip(dispatcher.load(Task, id)))._tag, "NewerRecord")
        }
        assert.strictEqual((yield* (yield* EventLog).head).last, 2)
      }).pipe(Effect.provide([MemoryLog, DigestLayer])),
  )

  it.live(
    "a task that a newer program has changed is damaged where the record does not follow from the one before",
    () =>
      Effect.gen(function* () {
        const { id, other } = yield* changed({ hash: "0".repeat(64) })
        assert.strictEqual((yield* Effect.flip(other.load(Task, id)))._tag, "LogDamaged")
      }).pipe(Effect.provide([MemoryLog, DigestLayer])),
  )
})
