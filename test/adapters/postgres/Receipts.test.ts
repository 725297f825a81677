import { assert, describe } from "@effect/vitest"
import { Effect } from "effect"
import { Receipts } from "../../../src/commands/Receipts.ts"
import { after, fresh } from "./reading.ts"

describe("receipts", () => {
  fresh("receipts know the record of every command of an aggregate")(
    Effect.gen(function* () {
      const { id } = yield* after(({ create, take }) => {
        const id = create()
        take(id, "bob")
        return { id }
      })
      const receipts = yield* Receipts
      assert.deepStrictEqual(yield* receipts.find({ type: "task", id }, "ada:2"), { seq: 2, upTo: 2 })
      assert.deepStrictEqual(yield* receipts.find({ type: "chat", id }, "ada:2"), { seq: undefined, upTo: 2 })
      assert.deepStrictEqual(yield* receipts.find({ type: "task", id }, "ada:3"), { seq: undefined, upTo: 2 })
    }),
  )
})
