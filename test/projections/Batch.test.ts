import { assert, describe, it } from "@effect/vitest"
import { kinds } from "../../src/projections/Commit.ts"
import { CrewLog } from "./CrewLog.ts"
import { crewOn, randomCrew } from "./crews.ts"
import { tablesOf } from "./Tables.ts"

const seeds = ["one", "two", "three", "four", "five"]

describe("batches", () => {
  for (const seed of seeds) {
    it(`of any size, and any restart, make the same tables (${seed})`, () => {
      const log = randomCrew(seed)
      assert.isAbove(log.records.length, 300)
      const { all } = tablesOf(log)
      assert.deepStrictEqual(tablesOf(log, { size: 1 }).all, all)
      assert.deepStrictEqual(tablesOf(log, { size: 7 }).all, all)
      assert.deepStrictEqual(tablesOf(log, { size: 1, restartEvery: 1 }).all, all)
      assert.deepStrictEqual(tablesOf(log, { size: 7, restartEvery: 21 }).all, all)
    })
  }

  it("leave rows that are the fold's states, and none of what is gone", () => {
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

  it("refuse a record whose predecessor is not what the row is of", () => {
    const { create, log, take } = crewOn()
    const id = create()
    take(id, "bob")
    log.records.shift()
    assert.throws(() => tablesOf(log), `record 2 follows 1 of task ${id}, but its row is that of 0`)
  })

  it("refuse an event that no Schema knows", () => {
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
