import { assert, describe } from "@effect/vitest"
import { Cause, Effect, Exit } from "effect"
import { ValuesRefused } from "../../../src/projections/ReadModel.ts"
import { projectId } from "../../projections/crews.ts"
import { after, fresh } from "./reading.ts"

describe("tasks", () => {
  fresh("tasks are listed by position, then number, in pages")(
    Effect.gen(function* () {
      const { log, model } = yield* after(({ create }) => {
        for (const [index, position] of [3, 1, 2, 1].entries()) {
          create({ number: index + 1, key: `TE-${index + 1}`, position })
        }
        return {}
      })
      const first = yield* model.tasks({ project_id: projectId }, { limit: 3 })
      assert.strictEqual(first.seq, log.records.length)
      assert.deepStrictEqual(
        first.value.rows.map(({ number }) => number),
        [2, 4, 3],
      )
      assert.isDefined(first.value.next)
      const second = yield* model.tasks({ project_id: projectId }, { limit: 3, after: first.value.next })
      assert.deepStrictEqual(
        second.value.rows.map(({ number }) => number),
        [1],
      )
      assert.isUndefined(second.value.next)
    }),
  )

  fresh("that somebody has are counted until they are done, up to a limit")(
    Effect.gen(function* () {
      const { model } = yield* after(({ create, take }) => {
        for (const status of ["todo", "backlog", "in_review", "done"] as const)
          take(create({ status }), "bob")
        take(create(), "eve")
        create()
        return {}
      })
      assert.strictEqual((yield* model.held("bob", 10)).value, 3)
      assert.strictEqual((yield* model.held("bob", 2)).value, 2)
      assert.strictEqual((yield* model.held("nobody", 10)).value, 0)
    }),
  )

  fresh("tasks are found by every filter, and by all of them together")(
    Effect.gen(function* () {
      const { model, one, parent } = yield* after(({ create, take }) => {
        const parent = create({ type: "epic", priority: "low", labels: [], status: "backlog" })
        const one = create({ parent_id: parent, status: "in_progress", labels: ["urgent", "back"] })
        take(one, "bob")
        return { one, parent }
      })
      const idsOf = (filter: Parameters<typeof model.tasks>[0]) =>
        Effect.map(model.tasks(filter, { limit: 10 }), ({ value }) => value.rows.map(({ id }) => id))
      assert.deepStrictEqual(yield* idsOf({ status: "backlog" }), [parent])
      assert.deepStrictEqual(yield* idsOf({ assignee: "bob" }), [one])
      assert.deepStrictEqual(yield* idsOf({ assignee: null }), [parent])
      assert.deepStrictEqual(yield* idsOf({ type: "epic" }), [parent])
      assert.deepStrictEqual(yield* idsOf({ priority: "low" }), [parent])
      assert.deepStrictEqual(yield* idsOf({ parent_id: parent }), [one])
      assert.deepStrictEqual(yield* idsOf({ label: "urgent" }), [one])
      assert.deepStrictEqual(yield* idsOf({ project_id: projectId, assignee: "bob", status: "done" }), [])
      assert.deepStrictEqual(
        yield* idsOf({
          project_id: projectId,
          assignee: "bob",
          status: "in_progress",
          type: "bug",
          label: "back",
        }),
        [one],
      )
    }),
  )

  fresh("tasks have tracker.md's shape, a version, and are gone when deleted")(
    Effect.gen(function* () {
      const { gone, id, log, model } = yield* after(({ create, remove, take }) => {
        const id = create()
        take(id, "bob")
        const gone = create()
        remove(gone)
        return { id, gone }
      })
      const { seq, value } = yield* model.task(id)
      assert.strictEqual(seq, 4)
      assert.strictEqual(value?.version, 2)
      assert.deepStrictEqual(value?.row, {
        id,
        project_id: projectId,
        parent_id: null,
        number: 1,
        key: "TE-1",
        title: "Fix login bug",
        description: "",
        type: "bug",
        status: "todo",
        priority: "high",
        labels: ["frontend"],
        assignee_slug: "bob",
        reviewer_slug: null,
        watchers: [],
        depends_on: [],
        position: 0,
        time_spent: 0,
        steps: [],
        claim: 2,
        created_by: "ada",
        created_at: log.records[0]!.record.at,
        updated_at: log.records[1]!.record.at,
      })
      assert.deepStrictEqual(yield* model.task(gone), { seq: 4, value: undefined })
    }),
  )

  fresh("tasks have a history, oldest first, in pages")(
    Effect.gen(function* () {
      const { id, log, model } = yield* after(({ change, create, post, take }) => {
        const id = create({ assignee_slug: "bob" })
        post({ chat: id, task_id: id, project_id: projectId }, "a comment is another aggregate's")
        change(id, { status: "done" })
        take(create(), "bob")
        return { id }
      })
      const first = yield* model.history(id, { limit: 2 })
      assert.deepStrictEqual(
        first.value.rows.map(({ event, idx, seq }) => [seq, idx, event]),
        [
          [1, 0, "TaskCreated"],
          [1, 1, "TaskAssigned"],
        ],
      )
      const second = yield* model.history(id, { limit: 2, after: first.value.next })
      assert.deepStrictEqual(second.value, {
        rows: [
          {
            seq: 3,
            idx: 0,
            event: "TaskMoved",
            data: { from: "todo", to: "done" },
            actor: "ada",
            at: log.records[2]!.record.at,
            command: "ada:3",
            correlation: "correlation 3",
            causation: null,
          },
        ],
        next: undefined,
      })
    }),
  )

  fresh("values that no column holds are a defect of who asks, and no outage")(
    Effect.gen(function* () {
      const { model } = yield* after(() => ({}))
      const place = { position: 2 ** 40, number: 1, id: projectId }
      const exit = yield* Effect.exit(model.tasks({}, { limit: 1, after: place }))
      const defect = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
      assert.instanceOf(defect, ValuesRefused)
    }),
  )
})
