import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { explained } from "../../../src/operations/explained.ts"
import { crewOn } from "../../projections/crews.ts"
import { everything, freshSchema, projectTo } from "../postgres/schemas.ts"

describe("a task's explanation from the read model", () => {
  it.live(
    "a task's explanation from the read model is that of its whole history, however many pages that has",
    () =>
      Effect.gen(function* () {
        const place = yield* freshSchema
        const { change, create, log, reject, remove, take } = crewOn()
        const other = create({ number: 2, key: "TE-2" })
        const id = create({ depends_on: [other] })
        const gone = create({ number: 3, key: "TE-3" })
        remove(gone)
        change(other, { status: "done" })
        take(id, "bob")
        for (let turn = 0; turn < 120; turn += 1) {
          change(id, { status: "in_progress" })
          change(id, { status: "todo" })
        }
        reject(id, "bob", "0f0f4f0e-6a53-4c52-9a8e-4f1f4f1d7c5b")
        change(other, { status: "todo" })
        const { length } = log.records
        yield* projectTo(place, log.service, length)
        yield* Effect.gen(function* () {
          const { seq, value } = yield* explained(id)
          assert.strictEqual(seq, length)
          assert.lengthOf(value?.moves ?? [], 241)
          assert.deepStrictEqual(
            [value?.status, value?.assignee_slug, value?.can_be_taken],
            ["todo", null, false],
          )
          assert.deepStrictEqual(
            value?.holders.map(({ slug, until }) => [slug, until?.how, until?.reason]),
            [["bob", "rejected", "not mine"]],
          )
          assert.deepStrictEqual(
            value?.waits_for.map(({ key, status }) => [key, status]),
            [["TE-2", "todo"]],
          )
          assert.isNull((yield* explained(gone)).value?.status)
          assert.isUndefined((yield* explained("0f0f4f0e-6a53-4c52-9a8e-4f1f4f1d7c5c")).value)
        }).pipe(Effect.provide(everything(place, log)))
      }),
  )
})
