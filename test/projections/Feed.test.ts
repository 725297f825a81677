import { assert, describe, it } from "@effect/vitest"
import { randomUUID } from "node:crypto"
import { crewOn, projectId } from "./crews.ts"
import { tablesOf } from "./Tables.ts"
import type { CrewLog } from "./CrewLog.ts"

const DAY = 24 * 60 * 60 * 1000

const frames = (log: CrewLog) =>
  tablesOf(log)
    .rows("feed")
    .filter(({ kind }) => kind !== "start")
const told = (log: CrewLog) => frames(log).map(({ audience, kind, payload }) => [kind, audience, payload])

describe("frames", () => {
  it("frames tell of a task as it is right after each command, to those whom it concerns", () => {
    const { assign, change, create, log, remove, take } = crewOn()
    const id = create({ reviewer_slug: "eve" })
    take(id, "bob")
    change(id, { title: "Fix it", status: "in_progress" })
    assign(id, "cleo")
    remove(id)
    const task = { id, key: "TE-1", project_id: projectId }
    const bob = { assignee: "bob", reviewer: "eve", watchers: [] }
    const cleo = { assignee: "cleo", reviewer: "eve", watchers: [] }
    const fixed = { ...task, title: "Fix it", status: "in_progress" }
    assert.deepStrictEqual(told(log), [
      [
        "task.created",
        { assignee: null, reviewer: "eve", watchers: [] },
        { ...task, title: "Fix login bug", status: "todo", assignee_slug: null },
      ],
      ["task.assigned", bob, { ...task, title: "Fix login bug", status: "todo", assignee_slug: "bob" }],
      ["task.updated", bob, { ...fixed, assignee_slug: "bob" }],
      ["task.assigned", { ...cleo, watchers: ["bob"] }, { ...fixed, assignee_slug: "cleo" }],
      ["task.deleted", cleo, { ...fixed, assignee_slug: "cleo" }],
    ])
  })

  it("frames reach who was reviewer or watcher until this very change, once", () => {
    const { change, create, log, unwatch, watch } = crewOn()
    const id = create({ reviewer_slug: "eve" })
    watch(id, "bob")
    change(id, { reviewer_slug: "cleo" })
    unwatch(id, "bob")
    change(id, { title: "Fix it" })
    const nobody = { assignee: null, reviewer: "cleo" }
    assert.deepStrictEqual(
      told(log)
        .slice(2)
        .map(([, audience]) => audience),
      [
        { ...nobody, watchers: ["bob", "eve"] },
        { ...nobody, watchers: ["bob"] },
        { ...nobody, watchers: [] },
      ],
    )
  })

  it("frames are one of each kind for a command with several events", () => {
    const { change, create, log } = crewOn()
    const id = create({ assignee_slug: "bob" })
    change(id, { title: "Fix it", status: "done", assignee_slug: "eve" })
    assert.deepStrictEqual(
      frames(log).map(({ idx, kind, seq }) => [seq, idx, kind]),
      [
        [1, 0, "task.created"],
        [1, 1, "task.assigned"],
        [2, 0, "task.updated"],
        [2, 1, "task.assigned"],
      ],
    )
  })

  it("frames tell what was said, where, and to whom", () => {
    const { log, open, post } = crewOn()
    const [lobby, room, task] = [randomUUID(), randomUUID(), randomUUID()]
    open(lobby, "lobby")
    open(room, "project", projectId)
    const first = post({ chat: lobby }, "hello", { mentions: ["bob"], slug: "eve" })
    const second = post({ chat: room, project_id: projectId }, "work")
    const third = post({ chat: task, task_id: task, project_id: projectId }, "a comment")
    const said = frames(log)
    assert.deepStrictEqual(
      said.map(({ project_id }) => project_id),
      [null, projectId, projectId],
    )
    const created_at = log.records[2]?.record.at
    assert.deepStrictEqual(told(log)[0], [
      "message.new",
      { author: "eve", author_type: "agent", mentions: ["bob"] },
      {
        id: first,
        chat_id: lobby,
        task_id: null,
        author_type: "agent",
        author_slug: "eve",
        author_name: "EVE",
        content: "hello",
        mentions: ["bob"],
        created_at,
      },
    ])
    assert.deepInclude(said[1]?.["payload"], { id: second, chat_id: room, task_id: null })
    assert.deepInclude(said[2]?.["payload"], { id: third, chat_id: null, task_id: task })
  })

  it("frames tell the reason of a rejection as a comment, which is also kept as one", () => {
    const { create, log, reject, take } = crewOn()
    const id = create()
    take(id, "bob")
    const comment = randomUUID()
    reject(id, "bob", comment)
    const [reason, updated] = frames(log).slice(-2)
    const place = { id: comment, chat_id: null, task_id: id, author_slug: "bob", content: "not mine" }
    assert.deepInclude(reason?.["payload"], place)
    assert.strictEqual(reason?.["project_id"], projectId)
    assert.strictEqual(updated?.["kind"], "task.updated")
    assert.deepStrictEqual(updated?.["audience"], { assignee: null, reviewer: null, watchers: ["bob"] })
    const [message] = tablesOf(log).rows("message")
    assert.deepInclude(message, { ...place, seq: 3, project_id: projectId, parent_id: null, mentions: [] })
  })

  it("frames tell who comes and goes", () => {
    const { log, member, report } = crewOn()
    report(member("bob"), "bob", "busy")
    assert.deepStrictEqual(told(log), [["agent.status", {}, { slug: "bob", status: "busy" }]])
  })

  it("frames are kept for seven days, and the newest that is older marks where they begin", () => {
    const { create, log } = crewOn()
    create()
    create()
    log.at += 7 * DAY
    create()
    assert.lengthOf(frames(log), 3)
    log.at += 60 * 60 * 1000
    create()
    assert.deepStrictEqual(
      tablesOf(log)
        .rows("feed")
        .map(({ seq }) => seq),
      [2, 3, 4],
    )
    assert.deepStrictEqual(tablesOf(log, { size: 1 }).all, tablesOf(log, { size: 3 }).all)
    assert.deepStrictEqual(tablesOf(log, { size: 1, restartEvery: 1 }).all, tablesOf(log).all)
  })

  it("frames never go back in time, whatever the clock of a node says", () => {
    const { create, log } = crewOn()
    create()
    log.at -= 8 * DAY
    create()
    const [one, other] = frames(log)
    assert.strictEqual(other?.["at"], one?.["at"])
  })
})
