import { assert, describe } from "@effect/vitest"
import { Effect } from "effect"
import { Receipts } from "../../../src/commands/Receipts.ts"
import { FreeTask, take as takeTask } from "../../support/commands.ts"
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

  fresh("receipts know the record of a command that changed nothing")(
    Effect.gen(function* () {
      const { id } = yield* after(({ create, log, take }) => {
        const id = create()
        take(id, "bob")
        log.giveKeyed(FreeTask, id, takeTask("bob"))
        return { id }
      })
      const receipts = yield* Receipts
      assert.deepStrictEqual(yield* receipts.find({ type: "task", id }, "ada:3"), { seq: 3, upTo: 3 })
      assert.deepStrictEqual(yield* receipts.find({ type: "chat", id }, "ada:3"), { seq: undefined, upTo: 3 })
    }),
  )
})
