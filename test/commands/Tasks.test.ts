import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { Claims } from "../../src/commands/Claims.ts"
import { Dispatcher } from "../../src/commands/dispatch.ts"
import { Members } from "../../src/commands/Members.ts"
import { Projects } from "../../src/commands/Projects.ts"
import { Tasks } from "../../src/commands/Tasks.ts"
import { Digest } from "../../src/domain/Digest.ts"
import { Plan } from "../../src/domain/Plan.ts"
import { Project } from "../../src/domain/Project.ts"
import { Task } from "../../src/domain/Task.ts"
import { ReadModel } from "../../src/projections/ReadModel.ts"
import { settingsWith } from "../adapters/http/door.ts"
import { agent, asFirst } from "../support/commands.ts"
import { by, member, open, project, services, story, task } from "./services.ts"

const nowhere = "00000000-0000-4000-8000-000000000000"
const edges = Effect.gen(function* () {
  const id = (yield* Digest).uuidOf("project:team-board")
  return (yield* (yield* Dispatcher).load(Plan, id)).state.edges
})
const tagOf = <A, E extends { readonly _tag: string }, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.flip(effect), ({ _tag }) => _tag)

describe("Tasks", () => {
  it.effect("numbers tasks, each number once", () =>
    Effect.gen(function* () {
      yield* project()
      const tasks = yield* Tasks
      const made = yield* Effect.forEach(
        Array.from({ length: 20 }),
        () => tasks.create("team-board", { title: "x" }, by()),
        { concurrency: 20 },
      )
      assert.sameMembers(
        made.map(({ state }) => open(state).key),
        Array.from({ length: 20 }, (_, index) => `TE-${index + 1}`),
      )
    }).pipe(Effect.provide(services())),
  )

  it.effect("the service of tasks keeps a number for a task whose creation was cut off", () =>
    Effect.gen(function* () {
      yield* project("other")
      const [slug, project_id] = ["other", (yield* Digest).uuidOf("project:other")]
      const envelope = by()
      const task_id = (yield* Digest).uuidOf(`task:${envelope.commandId}`)
      yield* (yield* Dispatcher).dispatch(
        Project,
        project_id,
        { _tag: "ReserveTaskNumber", task_id },
        envelope,
      )
      const tasks = yield* Tasks
      yield* tasks.create(slug, { title: "in between" }, by())
      const first = yield* tasks.create(slug, { title: "x" }, envelope)
      assert.strictEqual(open(first.state).key, "OT-1")
      const again = yield* tasks.create(slug, { title: "x" }, envelope)
      assert.deepStrictEqual(asFirst(again), first)
    }).pipe(Effect.provide(services())),
  )

  it.effect(
    "the service of tasks refuses new tasks where there is no project or an archived one, and records nothing",
    () =>
      Effect.gen(function* () {
        yield* project()
        yield* (yield* Projects).change("team-board", { status: "archived" }, by())
        const before = yield* story
        assert.strictEqual(yield* tagOf(task()), "ProjectIsArchived")
        assert.strictEqual(
          yield* tagOf((yield* Tasks).create("nope", { title: "x" }, by())),
          "ProjectNotFound",
        )
        assert.deepStrictEqual(yield* story, before)
      }).pipe(Effect.provide(services())),
  )

  it.effect(
    "the service of tasks refuses what names tasks or members that are not there, and records nothing",
    () =>
      Effect.gen(function* () {
        yield* project()
        yield* project("other")
        yield* member("bob")
        yield* (yield* Members).change("bob", { is_enabled: false }, by())
        const tasks = yield* Tasks
        const { state } = yield* tasks.create("other", { title: "elsewhere" }, by())
        const elsewhere = open(state).id
        const id = yield* task()
        const before = yield* story
        for (const more of [
          { depends_on: [nowhere] },
          { depends_on: [elsewhere] },
          { parent_id: elsewhere },
        ]) {
          assert.strictEqual(yield* tagOf(task(more)), "UnknownTask")
          assert.strictEqual(yield* tagOf(tasks.change({ id }, more, by())), "UnknownTask")
        }
        for (const more of [
          { assignee_slug: "nobody" },
          { assignee_slug: "bob" },
          { reviewer_slug: "nobody" },
        ]) {
          assert.strictEqual(yield* tagOf(task(more)), "UnknownMember")
          assert.strictEqual(yield* tagOf(tasks.change({ id }, more, by())), "UnknownMember")
        }
        assert.strictEqual(yield* tagOf(tasks.assign({ id }, "bob", by())), "UnknownMember")
        assert.deepStrictEqual(yield* story, before)
      }).pipe(Effect.provide(services())),
  )

  it.effect("the service of tasks answers a repeated command as first, whatever has changed since", () =>
    Effect.gen(function* () {
      yield* project()
      yield* member("bob")
      const tasks = yield* Tasks
      const envelope = by()
      const create = tasks.create("team-board", { title: "x", assignee_slug: "bob" }, envelope)
      const first = yield* create
      yield* (yield* Members).change("bob", { is_enabled: false }, by())
      yield* (yield* Projects).change("team-board", { status: "archived" }, by())
      yield* tasks.remove({ id: open(first.state).id }, by())
      assert.deepStrictEqual(asFirst(yield* create), first)
    }).pipe(Effect.provide(services())),
  )

  it.effect("blocks by open dependencies only: not by those that are done or deleted", () =>
    Effect.gen(function* () {
      yield* project()
      yield* member("bob")
      const tasks = yield* Tasks
      const [a, b] = [yield* task(), yield* task()]
      const id = yield* task({ depends_on: [a, b] })
      const bob = { actor: agent("bob") }
      const take = () => tasks.take({ id }, "bob", by(bob))
      const refusal = yield* Effect.flip(take())
      assert.deepInclude(refusal, { _tag: "DependenciesOpen" })
      assert.strictEqual(yield* tagOf(tasks.assign({ id }, "bob", by())), "DependenciesOpen")
      assert.strictEqual(
        yield* tagOf(tasks.change({ id }, { assignee_slug: "bob" }, by())),
        "DependenciesOpen",
      )
      const before = yield* story
      assert.strictEqual(yield* tagOf(task({ depends_on: [a], assignee_slug: "bob" })), "DependenciesOpen")
      assert.deepStrictEqual(yield* story, before)
      yield* tasks.change({ id: a }, { status: "done" }, by())
      yield* tasks.remove({ id: b }, by())
      const taken = yield* take()
      assert.strictEqual(open(taken.state).claim, taken.seq)
    }).pipe(Effect.provide(services())),
  )

  it.effect("the service of tasks refuses circles of dependencies, also long ones, and records nothing", () =>
    Effect.gen(function* () {
      yield* project()
      const tasks = yield* Tasks
      const a = yield* task()
      const b = yield* task({ depends_on: [a] })
      const c = yield* task({ depends_on: [b] })
      const before = yield* story
      const error = yield* Effect.flip(tasks.change({ id: a }, { title: "new", depends_on: [c] }, by()))
      assert.deepInclude(error, { _tag: "DependencyCycle" })
      assert.strictEqual(yield* tagOf(tasks.change({ id: a }, { depends_on: [a] }, by())), "DependencyCycle")
      assert.deepStrictEqual(yield* story, before)
      yield* tasks.change({ id: c }, { depends_on: [] }, by())
      yield* tasks.change({ id: a }, { depends_on: [c] }, by())
      assert.deepStrictEqual(yield* edges, { [a]: [c], [b]: [a] })
    }).pipe(Effect.provide(services())),
  )

  it.effect("plans nothing for what is refused, and leaves the plan as the task has it", () =>
    Effect.gen(function* () {
      yield* project()
      const tasks = yield* Tasks
      const [a, id] = [yield* task(), yield* task()]
      const before = yield* story
      const stale = tasks.change({ id, claim: 1 }, { depends_on: [a] }, by())
      assert.strictEqual(yield* tagOf(stale), "StaleClaim")
      assert.strictEqual(
        yield* tagOf(tasks.change({ id }, { depends_on: [a] }, by({ ifMatch: 1 }))),
        "VersionMismatch",
      )
      assert.deepStrictEqual(yield* story, before)

      const envelope = by()
      const first = yield* tasks.change({ id }, { title: "new", depends_on: [a] }, envelope)
      assert.deepStrictEqual((yield* story).slice(-2), [
        "plan: DependenciesPlanned",
        "task: TaskDependenciesChanged, TaskChanged",
      ])
      yield* tasks.change({ id }, { depends_on: [] }, by())
      const again = yield* tasks.change({ id }, { title: "new", depends_on: [a] }, envelope)
      assert.deepStrictEqual(asFirst(again), first)
      assert.deepStrictEqual(yield* edges, {})
    }).pipe(Effect.provide(services())),
  )

  it.effect("a key that is used again for other dependencies is refused, and its first answer stays", () =>
    Effect.gen(function* () {
      yield* project()
      const tasks = yield* Tasks
      const [a, id] = [yield* task(), yield* task()]
      const envelope = by()
      const wish = { title: "new", depends_on: [] }
      const first = yield* tasks.change({ id }, wish, envelope)
      const other = { ...envelope, fingerprint: "o1:another" }
      assert.strictEqual(yield* tagOf(tasks.change({ id }, { depends_on: [a] }, other)), "KeyReused")
      assert.deepStrictEqual(asFirst(yield* tasks.change({ id }, wish, envelope)), first)
      assert.deepStrictEqual(yield* edges, {})
    }).pipe(Effect.provide(services())),
  )

  it.effect("a change that was refused and is repeated once it may be is planned and stays", () =>
    Effect.gen(function* () {
      yield* project()
      yield* member("bob")
      const tasks = yield* Tasks
      const [a, id] = [yield* task(), yield* task()]
      const envelope = by()
      const change = tasks.change({ id }, { depends_on: [a], assignee_slug: "bob" }, envelope)
      assert.strictEqual(yield* tagOf(change), "DependenciesOpen")
      assert.deepStrictEqual(yield* edges, {})
      yield* tasks.change({ id: a }, { status: "done" }, by())
      assert.deepStrictEqual(open((yield* change).state).depends_on, [a])
      assert.deepStrictEqual(yield* edges, { [id]: [a] })
      const { state } = yield* (yield* Dispatcher).load(Task, id)
      assert.deepStrictEqual(open(state).depends_on, [a])
    }).pipe(Effect.provide(services())),
  )

  it.effect("a key that is used again to delete another task deletes it, and says so", () =>
    Effect.gen(function* () {
      yield* project()
      const tasks = yield* Tasks
      const [a, b] = [yield* task(), yield* task()]
      const waiting = yield* task({ depends_on: [a, b] })
      const envelope = by()
      yield* tasks.remove({ id: a }, envelope)
      const { state } = yield* tasks.remove({ id: b }, { ...envelope, fingerprint: "o1:another" })
      assert.strictEqual(state._tag, "Deleted")
      assert.deepStrictEqual(yield* edges, {})
      const left = yield* (yield* Dispatcher).load(Task, waiting)
      assert.deepStrictEqual(open(left.state).depends_on, [])
    }).pipe(Effect.provide(services())),
  )

  /** Tasks of another node, where something happens before it tells any task what was planned. */
  const tasksWhile = (act: Effect.Effect<unknown>) => {
    let isOver = false
    const interrupted = Layer.effect(
      Dispatcher,
      Effect.map(Dispatcher, (inner) =>
        Dispatcher.of({
          ...inner,
          dispatch: (aggregate, id, command, envelope) => {
            const dispatched = inner.dispatch(aggregate, id, command, envelope)
            // Without a command a task is only asked for its first answer.
            if (isOver || aggregate.type !== "task" || command === undefined) return dispatched
            isOver = true
            return Effect.andThen(act, dispatched)
          },
        }),
      ),
    )
    return Layer.fresh(Tasks.layer).pipe(Layer.provide(interrupted))
  }

  it.effect(
    "the service of tasks leaves the plan and the task alike after two changes of dependencies at once",
    () =>
      Effect.gen(function* () {
        yield* project()
        const [a, b, id] = [yield* task(), yield* task(), yield* task()]
        const here = yield* Tasks
        const other = Effect.orDie(here.change({ id }, { depends_on: [b] }, by()))
        const there = yield* Effect.provide(Tasks, tasksWhile(other))
        yield* there.change({ id }, { depends_on: [a] }, by())
        const { state } = yield* (yield* Dispatcher).load(Task, id)
        assert.deepStrictEqual(open(state).depends_on, [b])
        assert.deepStrictEqual(yield* edges, { [id]: [b] })
      }).pipe(Effect.provide(services())),
  )

  it.effect(
    "the service of tasks takes back what was planned for a task that refused it, but nothing that was planned since",
    () =>
      Effect.gen(function* () {
        yield* project()
        const tasks = yield* Tasks
        const [a, b, id] = [yield* task(), yield* task(), yield* task()]
        const deletes = Effect.orDie(tasks.remove({ id }, by()))
        const gone = yield* Effect.provide(Tasks, tasksWhile(deletes))
        assert.strictEqual(yield* tagOf(gone.change({ id }, { depends_on: [a] }, by())), "TaskNotFound")
        assert.deepStrictEqual(yield* edges, {})

        const held = yield* task()
        yield* member("bob")
        yield* tasks.take({ id: held }, "bob", by({ actor: agent("bob") }))
        const { seq } = yield* (yield* Dispatcher).load(Task, held)
        const moves = Effect.orDie(tasks.change({ id: held }, { depends_on: [b] }, by()))
        const late = yield* Effect.provide(Tasks, tasksWhile(moves))
        const refused = late.change({ id: held }, { depends_on: [a] }, by({ ifMatch: seq }))
        assert.strictEqual(yield* tagOf(refused), "VersionMismatch")
        assert.deepStrictEqual(yield* edges, { [held]: [b] })
      }).pipe(Effect.provide(services())),
  )

  it.effect("the service of tasks refuses a task under itself", () =>
    Effect.gen(function* () {
      yield* project()
      const tasks = yield* Tasks
      const top = yield* task()
      const middle = yield* task({ parent_id: top })
      const bottom = yield* task({ parent_id: middle })
      assert.strictEqual(yield* tagOf(tasks.change({ id: top }, { parent_id: bottom }, by())), "ParentCycle")
      assert.strictEqual(
        yield* tagOf(tasks.change({ id: top }, { parent_id: top }, by())),
        "TaskIsItsOwnParent",
      )
      const { state } = yield* tasks.change({ id: bottom }, { parent_id: top }, by())
      assert.strictEqual(open(state).parent_id, top)
    }).pipe(Effect.provide(services())),
  )

  it.effect("the service of tasks lets a deleted task be forgotten by those that waited for it", () =>
    Effect.gen(function* () {
      yield* project()
      const a = yield* task()
      yield* task({ depends_on: [a] })
      yield* (yield* Tasks).remove({ id: a }, by())
      assert.deepStrictEqual(yield* edges, {})
      assert.strictEqual((yield* story).at(-1), "plan: TaskForgotten")
    }).pipe(Effect.provide(services())),
  )
})

describe("Claims", () => {
  const counting = (held: number) =>
    Layer.effect(
      ReadModel,
      Effect.map(ReadModel, (model) => ({
        ...model,
        held: () => Effect.succeed({ seq: 0, value: held }),
      })),
    )

  const tasksOf = (held: number) =>
    Layer.fresh(Tasks.layer).pipe(
      Layer.provideMerge(Layer.fresh(Claims.layer)),
      Layer.provide(counting(held)),
      Layer.provide(settingsWith({ CREWLOG_MAX_CLAIMS: "2" })),
    )

  it.effect("claiming ends at the limit, until something is given back or done", () =>
    Effect.gen(function* () {
      yield* project()
      yield* member("bob")
      const ids = [yield* task(), yield* task(), yield* task()]
      const bob = { actor: agent("bob") }
      yield* Effect.gen(function* () {
        const tasks = yield* Tasks
        const take = (id = "") => tasks.take({ id }, "bob", by(bob))
        yield* take(ids[0])
        assert.strictEqual(yield* tagOf(take(ids[1])), "TooManyClaims")
        assert.strictEqual((yield* take(ids[0])).events.length, 0)
        assert.strictEqual(yield* tagOf(tasks.assign({ id: ids[1] ?? "" }, "bob", by())), "TooManyClaims")
        yield* tasks.change({ id: ids[0] ?? "" }, { status: "done" }, by(bob))
        yield* take(ids[1])
        yield* tasks.reject({ id: ids[1] ?? "" }, "bob", "no", by(bob))
        yield* take(ids[2])
      }).pipe(Effect.provide(tasksOf(1)))
    }).pipe(Effect.provide(services())),
  )

  it.effect("claims are asked for again after a second", () =>
    Effect.gen(function* () {
      const claims = yield* Claims
      assert.strictEqual((yield* claims.full("bob"))?._tag, "TooManyClaims")
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual((yield* claims.full("bob"))?._tag, "TooManyClaims")
    }).pipe(Effect.provide(tasksOf(2).pipe(Layer.provide(services())))),
  )

  it.effect("claims refuse nobody while the read model is away", () =>
    Effect.gen(function* () {
      yield* project()
      yield* member("bob")
      const tasks = yield* Tasks
      for (let n = 0; n < 3; n += 1)
        yield* tasks.take({ id: yield* task() }, "bob", by({ actor: agent("bob") }))
    }).pipe(Effect.provide(services({ CREWLOG_MAX_CLAIMS: "1" }))),
  )

  it.effect("a task can be saved as it was read, whatever became of those that it names", () =>
    Effect.gen(function* () {
      yield* project()
      yield* member("bob")
      const tasks = yield* Tasks
      const members = yield* Members
      const [parent_id, id] = [yield* task(), yield* task()]
      yield* tasks.change({ id }, { parent_id, reviewer_slug: "bob", assignee_slug: "bob" }, by())
      yield* tasks.watch({ id }, "bob", by())
      yield* tasks.remove({ id: parent_id }, by())
      yield* members.change("bob", { is_enabled: false }, by())
      const before = yield* story
      const read = { parent_id, reviewer_slug: "bob", assignee_slug: "bob", depends_on: [] }
      const { state } = yield* tasks.change({ id }, { ...read, title: "Saved" }, by())
      assert.deepInclude(open(state), { ...read, title: "Saved" })
      assert.deepStrictEqual((yield* story).slice(before.length), ["task: TaskChanged"])
      yield* tasks.assign({ id }, "bob", by())
      yield* tasks.watch({ id }, "bob", by())
      yield* tasks.take({ id }, "bob", by())
      for (const [changes, tag] of [
        [{ parent_id: nowhere }, "UnknownTask"],
        [{ depends_on: [parent_id] }, "UnknownTask"],
      ] as const) {
        assert.strictEqual(yield* tagOf(tasks.change({ id }, { ...read, ...changes }, by())), tag)
      }
      const other = yield* task()
      assert.strictEqual(
        yield* tagOf(tasks.change({ id: other }, { reviewer_slug: "bob" }, by())),
        "UnknownMember",
      )
      assert.strictEqual(yield* tagOf(tasks.assign({ id: other }, "bob", by())), "UnknownMember")
      assert.strictEqual(yield* tagOf(tasks.watch({ id: other }, "bob", by())), "UnknownMember")
    }).pipe(Effect.provide(services())),
  )

  it.effect("a deleted task leaves the lists of those that waited for it", () =>
    Effect.gen(function* () {
      yield* project()
      const tasks = yield* Tasks
      const [gone, stays] = [yield* task(), yield* task()]
      const waiting = yield* task({ depends_on: [gone, stays] })
      yield* tasks.remove({ id: gone }, by())
      const { state } = yield* tasks.change({ id: waiting }, { title: "Still here" }, by())
      assert.deepStrictEqual(open(state).depends_on, [stays])
      assert.deepStrictEqual(yield* edges, { [waiting]: [stays] })
    }).pipe(Effect.provide(services())),
  )
})
