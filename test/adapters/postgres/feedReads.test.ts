import { assert, describe } from "@effect/vitest"
import { Effect } from "effect"
import { randomUUID } from "node:crypto"
import { Database } from "../../../src/adapters/postgres/Database.ts"
import { storeIn } from "../../../src/adapters/postgres/Store.ts"
import { lastSeen, signalsModel } from "../../../src/projections/LastSeen.ts"
import { owed, owes } from "../../../src/projections/Owed.ts"
import { ReadModel } from "../../../src/projections/ReadModel.ts"
import { put, Writes } from "../../../src/projections/Writes.ts"
import { after, fresh } from "./reading.ts"

describe("the feed", () => {
  fresh("the feed gives whole records, up to a position")(
    Effect.gen(function* () {
      const { log, model } = yield* after(({ create }) => {
        create({ assignee_slug: "bob" })
        create({ assignee_slug: "bob" })
        create()
        return {}
      })
      const read = (range: { after: number; upTo: number; limit: number }) =>
        Effect.map(model.feed(range), ({ value }) => value.frames.map(({ idx, seq }) => [seq, idx]))
      const upTo = log.records.length
      assert.deepStrictEqual(yield* read({ after: 0, upTo, limit: 1 }), [
        [1, 0],
        [1, 1],
      ])
      assert.deepStrictEqual(yield* read({ after: 1, upTo, limit: 3 }), [
        [2, 0],
        [2, 1],
        [3, 0],
      ])
      assert.deepStrictEqual(yield* read({ after: 1, upTo: 2, limit: 10 }), [
        [2, 0],
        [2, 1],
      ])
      const { seq, value } = yield* model.feed({ after: 3, upTo: Number.MAX_SAFE_INTEGER, limit: 10 })
      assert.deepStrictEqual([seq, value], [3, { frames: [], kept: 0 }])
    }),
  )

  fresh("the feed says from where it is whole")(
    Effect.gen(function* () {
      const { model } = yield* after(({ create, log }) => {
        create()
        create()
        log.at += 8 * 24 * 60 * 60 * 1000
        create()
        return {}
      })
      const { value } = yield* model.feed({ after: 2, upTo: 3, limit: 10 })
      assert.strictEqual(value.kept, 2)
      assert.lengthOf(value.frames, 1)
    }),
  )
})

describe("what is waited for", () => {
  fresh("what is waited for is due in its order")(
    Effect.gen(function* () {
      const { first, log, model, second } = yield* after(({ plan }) => {
        const [first, second] = [randomUUID(), randomUUID()]
        plan(first, [randomUUID()])
        plan(second, [randomUUID()])
        return { first, second }
      })
      const at = (index: number) => new Date(Date.parse(log.records[index]!.record.at) + 60_000).toISOString()
      const owed = (dueBy: string, kind = "dependencies") =>
        model.owed({ kind, dueBy, except: ["nowhere"] }, 10)
      assert.deepStrictEqual((yield* owed(at(0))).value, [
        { kind: "dependencies", id: first, due: at(0), attempt: 1, seq: 1, target: null },
      ])
      assert.deepStrictEqual(
        (yield* owed(at(1))).value.map(({ id }) => id),
        [first, second],
      )
      assert.deepStrictEqual(yield* owed(at(1), "another"), { seq: 2, value: [] })
      assert.deepStrictEqual((yield* model.owing).value, [{ kind: "dependencies", count: 2, oldest: at(0) }])
    }),
  )

  fresh("what is waited for is owed to other targets than those that are left out")(
    Effect.gen(function* () {
      const [model, at] = [yield* ReadModel, "2026-03-01T12:00:00.000Z"]
      const writes = new Writes()
      for (const [id, target] of Object.entries({ a: "one", b: "two", c: '{"}', d: null })) {
        writes.add(owes({ kind: "call", id, due: at, seq: 1, target }))
      }
      const term = yield* storeIn(yield* Database).lead({ name: "crew", tables: [owed], version: "test" })
      yield* term.commit({ from: 0, to: { seq: 1, hash: "", log: "log" }, writes: writes.tables })
      const without = (...except: ReadonlyArray<string>) =>
        Effect.map(model.owed({ kind: "call", dueBy: at, except }, 10), ({ value }) =>
          value.map(({ id }) => id).join(""),
        )
      assert.strictEqual(yield* without(), "abcd")
      assert.strictEqual(yield* without("two"), "acd")
      assert.strictEqual(yield* without("one", '{"}', "two"), "d")
    }).pipe(Effect.scoped),
  )

  fresh("members who are silent, and not offline, are waited for")(
    Effect.gen(function* () {
      const { bob, eve, model } = yield* after(({ member, report }) => {
        const [bob, eve, ada] = [member("bob"), member("eve"), member("ada")]
        for (const [id, slug] of [
          [bob, "bob"],
          [eve, "eve"],
        ] as const)
          report(id, slug, "online")
        return { bob, eve, ada }
      })
      const writes = new Writes()
      writes.add(put(lastSeen, { id: bob, slug: "bob", seq: 7, at: "2026-03-01T12:00:00.000Z" }))
      const term = yield* storeIn(yield* Database).lead(signalsModel)
      yield* term.commit({ from: 0, to: { seq: 7, hash: "", log: "signals" }, writes: writes.tables })
      const never = { id: eve, slug: "eve", status: "online", at: null } as const
      assert.deepStrictEqual(yield* model.silent("2026-03-01T12:00:00.000Z", 10), { seq: 7, value: [never] })
      assert.deepStrictEqual((yield* model.silent("2026-03-01T12:00:00.001Z", 10)).value, [
        never,
        { id: bob, slug: "bob", status: "online", at: "2026-03-01T12:00:00.000Z" },
      ])
    }).pipe(Effect.scoped),
  )
})

describe("a read model that was never made", () => {
  fresh("a read model that was never made is away, not empty")(
    Effect.gen(function* () {
      const model = yield* ReadModel
      assert.strictEqual((yield* Effect.flip(model.tasks({}, { limit: 10 })))._tag, "ReadModelUnavailable")
      assert.strictEqual((yield* Effect.flip(model.standing))._tag, "ReadModelUnavailable")
    }),
  )
})
