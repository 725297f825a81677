import { assert, describe, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { randomUUID } from "node:crypto"
import { Database, layer as DatabaseLayer } from "../../../src/adapters/postgres/Database.ts"
import { layer as ReadModelLayer } from "../../../src/adapters/postgres/ReadModel.ts"
import { layer as ReceiptsLayer } from "../../../src/adapters/postgres/Receipts.ts"
import { storeIn } from "../../../src/adapters/postgres/Store.ts"
import { Receipts } from "../../../src/commands/Receipts.ts"
import { lastSeen, signalsModel } from "../../../src/projections/LastSeen.ts"
import { ReadModel } from "../../../src/projections/ReadModel.ts"
import { put, Writes } from "../../../src/projections/Writes.ts"
import { CrewLog } from "../../projections/CrewLog.ts"
import { crewOn, projectId } from "../../projections/crews.ts"
import { freshPlace, projectTo } from "./places.ts"

const FreshReadModel = Layer.merge(ReadModelLayer, ReceiptsLayer).pipe(
  Layer.provideMerge(Layer.unwrap(Effect.map(freshPlace, DatabaseLayer))),
)

/** The read model of what was done on a log. */
const after = <A>(act: (crew: ReturnType<typeof crewOn>) => A) =>
  Effect.gen(function* () {
    const log = new CrewLog()
    const value = act(crewOn(log))
    yield* projectTo(yield* Database, log.service, log.records.length)
    return { ...value, log, model: yield* ReadModel }
  })

const fresh =
  (name: string) =>
  <E>(test: Effect.Effect<void, E, ReadModel | Receipts | Database>) =>
    layer(FreshReadModel)((it) => it.effect(name, () => test))

describe("tasks", () => {
  fresh("are listed by position, then number, in pages")(
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

  fresh("are found by every filter, and by all of them together")(
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

  fresh("have tracker.md's shape, a version, and are gone when deleted")(
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

  fresh("have a history, oldest first, in pages")(
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
})

describe("messages", () => {
  fresh("are the newest of a chat, oldest first, and go back")(
    Effect.gen(function* () {
      const { lobby, model } = yield* after(({ open, post }) => {
        const lobby = randomUUID()
        open(lobby, "lobby")
        for (const content of ["1", "2", "3", "4", "5"]) post({ chat: lobby }, content)
        return { lobby }
      })
      const page = (after?: { readonly seq: number; readonly idx: number }) =>
        Effect.map(model.messages({ chat_id: lobby }, { limit: 2, after }), ({ value }) => value)
      const newest = yield* page()
      assert.deepStrictEqual(
        newest.rows.map(({ content }) => content),
        ["4", "5"],
      )
      const older = yield* page(newest.next)
      assert.deepStrictEqual(
        older.rows.map(({ content }) => content),
        ["2", "3"],
      )
      const oldest = yield* page(older.next)
      assert.deepStrictEqual(
        oldest.rows.map(({ content }) => content),
        ["1"],
      )
      assert.isUndefined(oldest.next)
    }),
  )

  fresh("are comments of a task, answers to a message, or one")(
    Effect.gen(function* () {
      const { answer, comment, log, model, task } = yield* after(({ create, post, reject, take }) => {
        const task = create()
        const place = { chat: task, task_id: task, project_id: projectId }
        const comment = post(place, "why?", { mentions: ["bob"] })
        const answer = post(place, "because", { parent_id: comment, slug: "bob" })
        take(task, "bob")
        reject(task, "bob", randomUUID())
        return { task, comment, answer }
      })
      const { value: comments } = yield* model.messages({ task_id: task }, { limit: 10 })
      assert.deepStrictEqual(
        comments.rows.map(({ content }) => content),
        ["why?", "because", "not mine"],
      )
      assert.deepStrictEqual((yield* model.messages({ chat_id: task }, { limit: 10 })).value.rows, [])
      assert.deepStrictEqual((yield* model.message(comment)).value, {
        id: comment,
        chat_id: null,
        task_id: task,
        parent_id: null,
        author_type: "agent",
        author_slug: "ada",
        author_name: "ADA",
        content: "why?",
        mentions: ["bob"],
        voice_url: null,
        attachments: [],
        created_at: log.records[1]!.record.at,
      })
      const replies = yield* model.replies(comment, { limit: 10 })
      assert.deepStrictEqual(
        replies.value.rows.map(({ id }) => id),
        [answer],
      )
      assert.isUndefined((yield* model.message(randomUUID())).value)
    }),
  )
})

describe("the crew", () => {
  fresh("has projects, members with their status, and a welcome")(
    Effect.gen(function* () {
      const { alpha, bob, model } = yield* after(({ archive, member, project, report }) => {
        const alpha = project("alpha")
        archive(project("beta", { prefix: "BE" }))
        const bob = member("bob")
        member("ada")
        report(bob, "bob", "busy")
        return { alpha, bob }
      })
      const projects = yield* model.projects({ limit: 1 })
      assert.deepStrictEqual(
        projects.value.rows.map(({ slug }) => slug),
        ["alpha"],
      )
      const others = yield* model.projects({ limit: 1, after: projects.value.next })
      assert.deepStrictEqual(
        others.value.rows.map(({ slug, status }) => [slug, status]),
        [["beta", "archived"]],
      )
      const one = yield* model.project({ slug: "alpha" })
      assert.deepStrictEqual(one, yield* model.project({ id: alpha }))
      assert.strictEqual(one.value?.version, 1)
      assert.notProperty(one.value?.row, "reserved")

      const members = yield* model.members({ limit: 10 })
      assert.deepStrictEqual(
        members.value.rows.map(({ slug, status }) => [slug, status]),
        [
          ["ada", "offline"],
          ["bob", "busy"],
        ],
      )
      const { value: member } = yield* model.member("bob")
      assert.deepInclude(member?.row, { id: bob, status: "busy", chat_listen: "mentions", is_enabled: true })
      assert.notProperty(member?.row, "token_hash")
      assert.isUndefined((yield* model.member("nobody")).value)
      assert.deepStrictEqual((yield* model.welcome).value, {
        projects: [{ id: alpha, slug: "alpha", name: "alpha" }],
        online: ["bob"],
      })
    }),
  )
})

describe("the feed", () => {
  fresh("gives whole records, up to a position")(
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

  fresh("says from where it is whole")(
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
  fresh("is due in its order")(
    Effect.gen(function* () {
      const { first, log, model, second } = yield* after(({ plan }) => {
        const [first, second] = [randomUUID(), randomUUID()]
        plan(first, [randomUUID()])
        plan(second, [randomUUID()])
        return { first, second }
      })
      const at = (index: number) => new Date(Date.parse(log.records[index]!.record.at) + 60_000).toISOString()
      assert.deepStrictEqual((yield* model.due(at(0), 10)).value, [
        { kind: "dependencies", id: first, due: at(0) },
      ])
      assert.deepStrictEqual(
        (yield* model.due(at(1), 10)).value.map(({ id }) => id),
        [first, second],
      )
    }),
  )

  fresh("are members who are silent, and not offline")(
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

describe("receipts", () => {
  fresh("know the record of every command of an aggregate")(
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

describe("a read model that was never made", () => {
  fresh("is away, not empty")(
    Effect.gen(function* () {
      const model = yield* ReadModel
      assert.strictEqual((yield* Effect.flip(model.tasks({}, { limit: 10 })))._tag, "ReadModelUnavailable")
      assert.strictEqual((yield* Effect.flip(model.standing))._tag, "ReadModelUnavailable")
    }),
  )
})
