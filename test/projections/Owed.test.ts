import { assert, describe, it } from "@effect/vitest"
import { randomUUID } from "node:crypto"
import { Task } from "../../src/domain/Task.ts"
import { Tree } from "../../src/domain/Tree.ts"
import { crewOn } from "./crews.ts"
import { tablesOf } from "./Tables.ts"

describe("the deadline of planned dependencies", () => {
  it("the deadline of planned dependencies is a minute after the plan", () => {
    const { log, plan } = crewOn()
    const id = randomUUID()
    plan(id, [randomUUID()])
    const at = log.records[0]?.record.at ?? ""
    const due = new Date(Date.parse(at) + 60_000).toISOString()
    assert.deepStrictEqual(tablesOf(log).rows("owed"), [
      { kind: "dependencies", id, due, attempt: 1, seq: 1, target: null },
    ])
  })

  it("the deadline of planned dependencies is met when the task hears of it, is created, or is deleted", () => {
    const heard = crewOn()
    const id = heard.create()
    const other = randomUUID()
    heard.plan(id, [other])
    heard.log.record(Task, id, [{ _tag: "TaskDependenciesChanged", v: 1, depends_on: [other] }])
    assert.deepStrictEqual(tablesOf(heard.log).rows("owed"), [])

    const created = crewOn()
    const planned = randomUUID()
    created.plan(planned, [other])
    created.create({ id: planned, depends_on: [other] })
    assert.deepStrictEqual(tablesOf(created.log, { size: 1 }).rows("owed"), [])

    const deleted = crewOn()
    const gone = deleted.create()
    deleted.plan(gone, [other])
    deleted.remove(gone)
    assert.deepStrictEqual(tablesOf(deleted.log).rows("owed"), [])
  })

  it("the deadline of planned dependencies stays while the task does other things", () => {
    const { create, log, plan, take } = crewOn()
    const id = create()
    plan(id, [randomUUID()])
    take(id, "bob")
    assert.lengthOf(tablesOf(log).rows("owed"), 1)
  })

  it("a move that was begun is owed its end from a minute later, until it ended", () => {
    const { log } = crewOn()
    const [project, move_id, task_id, parent_id] = [randomUUID(), randomUUID(), randomUUID(), randomUUID()]
    log.record(Tree, project, [{ _tag: "MoveBegun", v: 1, move_id, task_id, parent_id }])
    const [row] = tablesOf(log).rows("owed")
    assert.deepInclude(row, { kind: "moves", id: `${project}:${move_id}`, attempt: 1, seq: 1 })
    assert.strictEqual(Date.parse(String(row?.["due"])), Date.parse(log.records[0]?.record.at ?? "") + 60_000)
    log.record(Tree, project, [{ _tag: "MoveEnded", v: 1, move_id }])
    assert.deepStrictEqual(tablesOf(log).rows("owed"), [])
  })
})
