import { assert, describe, it } from "@effect/vitest"
import { kinds } from "../../src/projections/Commit.ts"
import { TaskCommand } from "../../src/domain/Task.ts"
import { FreeTask } from "../support/commands.ts"
import { CrewLog } from "./CrewLog.ts"
import { crewOn, randomCrew } from "./crews.ts"
import { tablesOf } from "./Tables.ts"

const { DeleteTask, TakeTask } = TaskCommand.cases

const seeds = ["one", "two", "three", "four", "five"]

describe("batches", () => {
  for (const seed of seeds) {
    it(`of any size, and any restart, make the same tables (${seed})`, () => {
      const log = randomCrew(seed)
      assert.isAbove(log.records.length, 300)
      const unchanged = log.records.filter(({ record }) => record.events.length === 0)
      assert.includeMembers(
        unchanged.map(({ subject }) => subject.type),
        ["task", "chat", "member", "backend"],
      )
      const { all } = tablesOf(log)
      assert.deepStrictEqual(tablesOf(log, { size: 1 }).all, all)
      assert.deepStrictEqual(tablesOf(log, { size: 7 }).all, all)
      assert.deepStrictEqual(tablesOf(log, { size: 1, restartEvery: 1 }).all, all)
      assert.deepStrictEqual(tablesOf(log, { size: 7, restartEvery: 21 }).all, all)
    })
  }

  it("batches leave rows that are the fold's states, and none of what is gone", () => {
    const log = randomCrew("states")
    const tables = tablesOf(log)
    for (const [key, { seq, state }] of log.states) {
      const [type, id = ""] = key.split(".")
      const { table } = kinds[type as keyof typeof kinds]
      if (table === undefined) continue
      const [row] = tables.get(table, [id])
      const shown = table.rowOf(id, seq, state) !== undefined
      assert.strictEqual(row !== undefined, shown, key)
      if (row !== undefined)
        assert.deepStrictEqual({ seq: row["seq"], state: table.stateOf(row) }, { seq, state })
    }
  })

  it("batches show nothing of a command that changed nothing, but where it stands", () => {
    const { create, log, remove, take } = crewOn()
    const id = create()
    take(id, "bob")
    const before = tablesOf(log)
    const again = TakeTask.make({
      actor: { slug: "bob", name: "Bob", type: "agent", role: "member" },
      slug: "bob",
    })
    log.giveKeyed(FreeTask, id, again)
    const after = tablesOf(log)
    for (const name of ["feed", "history", "message", "owed"]) {
      assert.deepStrictEqual(after.rows(name), before.rows(name), name)
    }
    assert.deepStrictEqual(
      after.rows("task"),
      before.rows("task").map((row) => ({ ...row, seq: 3 })),
    )
    assert.deepStrictEqual(after.rows("nothing_changed"), [{ seq: 3, type: "task", id, command: "ada:3" }])

    remove(id)
    log.giveKeyed(
      FreeTask,
      id,
      DeleteTask.make({ actor: { slug: "ada", name: "Ada", type: "human", role: "admin" } }),
    )
    assert.strictEqual(log.records.length, 5)
    for (const cut of [{}, { size: 1, restartEvery: 1 }]) {
      const gone = tablesOf(log, cut)
      assert.deepStrictEqual(gone.rows("task"), [])
      assert.deepStrictEqual(
        gone.rows("nothing_changed").map(({ seq }) => seq),
        [3, 5],
      )
    }
  })

  it("batches refuse a record whose predecessor is not what the row is of", () => {
    const { create, log, take } = crewOn()
    const id = create()
    take(id, "bob")
    log.records.shift()
    assert.throws(() => tablesOf(log), `record 2 follows 1 of task ${id}, but its row is that of 0`)
  })

  it("batches refuse an event that no Schema knows", () => {
    const { create, log } = crewOn()
    create()
    const [recorded] = log.records
    assert.isDefined(recorded)
    const record = { ...recorded.record, events: [{ _tag: "TaskSung", v: 1 }] as const }
    const strange = new CrewLog()
    strange.push({ ...recorded, record })
    assert.throws(() => tablesOf(strange))
  })
})
