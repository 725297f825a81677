import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { Labels, Position, TaskKey, TaskState, TimeSpent, TaskTitle } from "../../src/domain/Task.ts"
import { objectionToNew } from "../../src/domain/taskDecisions.ts"
import { placed } from "./given.ts"
import {
  ada,
  admin,
  blocker,
  bob,
  change,
  command,
  created,
  dependency,
  event,
  eve,
  fields,
  given,
  knowing,
} from "./tasks.ts"
import { id, other, person, take, takenBy } from "./tasks.ts"

describe("a task's creation", () => {
  const create = command.CreateTask.make({
    ...fields,
    actor: ada,
    assignee_slug: null,
  })

  it("happens once", () => {
    assert.deepStrictEqual(given().when(create), [created])
    assert.deepStrictEqual(given(created).when(create), { _tag: "TaskExists", id })
    const deleted = event.TaskDeleted.make({ from: null })
    assert.deepStrictEqual(given(created, deleted).when(create), { _tag: "TaskExists", id })
  })

  it("a task's creation leaves the task free", () => {
    assert.deepStrictEqual(given(created).state, {
      _tag: "Open",
      ...fields,
      assignee_slug: null,
      watchers: [],
      steps: [],
      claim: null,
      created_by: "ada",
      created_at: placed.at,
      updated_at: placed.at,
    })
  })

  it("a task's creation may assign at once, unless something is to be done first", () => {
    const assign = { ...create, assignee_slug: "bob", depends_on: [other, dependency, other] }
    const depends_on = [dependency, other]
    assert.deepStrictEqual(given().when(assign), [
      { ...created, depends_on },
      event.TaskAssigned.make({ assignee_slug: "bob", from: null }),
    ])
    assert.deepStrictEqual(given().when(assign, knowing(blocker)), {
      _tag: "DependenciesOpen",
      open: [blocker],
    })
  })

  it("a task's creation is refused for the same reasons before the task has a number", () => {
    const assigned = { ...create, assignee_slug: "bob", depends_on: [dependency] }
    const known = [knowing(), knowing(blocker), knowing({ ...blocker, status: "done" })]
    for (const wanted of [
      create,
      assigned,
      { ...assigned, parent_id: id },
      { ...create, depends_on: [id] },
    ]) {
      for (const facts of known) {
        const { number: _number, key: _key, ...wish } = wanted
        const objection = objectionToNew(wish, facts)
        const decided = given().when(wanted, facts)
        assert.deepStrictEqual(
          objection === undefined ? "none" : { ...objection },
          Array.isArray(decided) ? "none" : decided,
        )
      }
    }
  })

  it("a task's creation refuses the task as its own parent", () => {
    assert.deepStrictEqual(given().when({ ...create, parent_id: id }), { _tag: "TaskIsItsOwnParent" })
  })
})

describe("a change", () => {
  it("a change of a task records only what differs", () => {
    const wish = change(ada, { title: "Fix log-in", labels: ["frontend"], priority: "high" })
    const changed = event.TaskChanged.make({ changes: { title: "Fix log-in" } })
    assert.deepStrictEqual(given(created).when(wish), [changed])
    assert.deepStrictEqual(given(created, changed).when(wish), [])
  })

  it("clears with null", () => {
    const reviewed = event.TaskChanged.make({ changes: { reviewer_slug: "eve", parent_id: other } })
    const changes = { reviewer_slug: null, parent_id: null }
    assert.deepStrictEqual(given(created, reviewed).when(change(ada, changes)), [
      event.TaskChanged.make({ changes }),
    ])
  })

  it("a change of a task moves the task from any status to any", () => {
    const moved = event.TaskMoved.make({ from: "todo", to: "done" })
    assert.deepStrictEqual(given(created).when(change(bob, { status: "done" })), [moved])
    assert.deepStrictEqual(given(created, moved).when(change(bob, { status: "done" })), [])
    assert.deepStrictEqual(given(created, moved).when(change(bob, { status: "backlog" })), [
      event.TaskMoved.make({ from: "done", to: "backlog" }),
    ])
  })

  it("a change of a task is several events at once, or none when a part is refused", () => {
    const wish = (actor: typeof ada) =>
      change(actor, { title: "Later", status: "backlog", assignee_slug: null })
    assert.deepStrictEqual(given(created, takenBy(bob)).when(wish(bob)), [
      event.TaskChanged.make({ changes: { title: "Later" } }),
      event.TaskMoved.make({ from: "todo", to: "backlog" }),
      event.TaskReleased.make({ from: "bob" }),
    ])
    assert.deepStrictEqual(given(created, takenBy(bob)).when(wish(eve)), {
      _tag: "TaskAlreadyTaken",
      holder: "bob",
    })
  })

  it("a change of a task refuses the task as its own parent", () => {
    assert.deepStrictEqual(given(created).when(change(ada, { parent_id: id })), {
      _tag: "TaskIsItsOwnParent",
    })
  })

  it("a change of a task needs the claim that holds, when it names one", () => {
    const fenced = (claim: number) => ({ ...change(bob, { status: "done" }), claim })
    const refused = { _tag: "StaleClaim", claim: placed.seq }
    assert.isArray(given(created, takenBy(bob)).when(fenced(placed.seq)))
    assert.deepStrictEqual(given(created, takenBy(bob)).when(fenced(placed.seq - 1)), refused)
    assert.deepStrictEqual(given(created).when(fenced(placed.seq)), { _tag: "StaleClaim", claim: null })
  })

  it("a change of a task needs that claim whatever it does", () => {
    const [step_id, comment_id, claim] = [other, other, 3]
    for (const fenced of [
      command.TakeTask.make({ actor: bob, slug: "bob", claim }),
      command.WatchTask.make({ actor: bob, slug: "bob", claim }),
      command.UnwatchTask.make({ actor: bob, slug: "bob", claim }),
      command.RejectTask.make({ actor: bob, slug: "bob", reason: "No.", comment_id, claim }),
      command.AssignTask.make({ actor: bob, slug: "eve", claim }),
      command.AddStep.make({ step_id, title: "One", claim }),
      command.ChangeStep.make({ step_id, changes: {}, claim }),
      command.RemoveStep.make({ step_id, claim }),
      command.SetDependencies.make({ depends_on: [], claim }),
      command.DeleteTask.make({ actor: admin, claim }),
    ]) {
      const refused = { _tag: "StaleClaim", claim: placed.seq }
      assert.deepStrictEqual(given(created, takenBy(bob)).when(fenced), refused, fenced._tag)
    }
  })
})

describe("watchers", () => {
  const watch = (actor: typeof ada, slug = actor.slug) => command.WatchTask.make({ actor, slug })
  const unwatch = (actor: typeof ada, slug = actor.slug) => command.UnwatchTask.make({ actor, slug })
  const watched = event.TaskWatched.make({ slug: "bob" })

  it("the watchers of a task come and go, once each", () => {
    assert.deepStrictEqual(given(created).when(watch(bob)), [watched])
    assert.deepStrictEqual(given(created, watched).when(watch(bob)), [])
    assert.deepStrictEqual(given(created, watched).when(unwatch(bob)), [
      event.TaskUnwatched.make({ slug: "bob" }),
    ])
    assert.deepStrictEqual(given(created).when(unwatch(bob)), [])
  })

  it("decide for themselves, admins for all", () => {
    assert.include(given(created).when(watch(eve, "bob")), { _tag: "NotAllowed" })
    assert.include(given(created, watched).when(unwatch(person, "bob")), { _tag: "NotAllowed" })
    assert.deepStrictEqual(given(created).when(watch(admin, "bob")), [watched])
  })

  it("the watchers of a task are 200 at most", () => {
    const crowd = Array.from({ length: 200 }, (_, number) =>
      event.TaskWatched.make({ slug: `watcher-${number}` }),
    )
    const refused = { _tag: "LimitReached", what: "watchers", limit: 200 }
    assert.deepStrictEqual(given(created, ...crowd).when(watch(bob)), refused)
    assert.isArray(given(created, ...crowd.slice(1)).when(watch(bob)))
  })
})

describe("steps", () => {
  const step_id = other
  const add = command.AddStep.make({ step_id, title: "Write a test" })
  const added = event.TaskStepAdded.make({ step_id, title: "Write a test" })
  const finish = command.ChangeStep.make({ step_id, changes: { title: "Write a test", done: true } })
  const finished = event.TaskStepChanged.make({ step_id, changes: { done: true } })
  const remove = command.RemoveStep.make({ step_id })
  const removed = event.TaskStepRemoved.make({ step_id })

  it("the steps of a task are added, done and removed", () => {
    assert.deepStrictEqual(given(created).when(add), [added])
    assert.deepStrictEqual(given(created, added).when(finish), [finished])
    assert.deepStrictEqual(given(created, added, finished).when(finish), [])
    assert.deepStrictEqual(given(created, added, finished).when(remove), [removed])
    assert.deepInclude(given(created, added, finished).state, {
      steps: [{ id: step_id, title: "Write a test", done: true }],
    })
    assert.deepInclude(given(created, added, removed).state, { steps: [] })
  })

  it("the steps of a task are added once", () => {
    assert.deepStrictEqual(given(created, added).when(add), [])
    assert.deepStrictEqual(given(created, added).when({ ...add, title: "Else" }), {
      _tag: "StepExists",
      step_id,
    })
  })

  it("the steps of a task must exist", () => {
    assert.deepStrictEqual(given(created).when(finish), { _tag: "StepNotFound", step_id })
    assert.deepStrictEqual(given(created, added, removed).when(remove), { _tag: "StepNotFound", step_id })
  })

  it("the steps of a task are 200 at most", () => {
    const uuid = (number: number) => `00000000-0000-4000-8000-${String(number).padStart(12, "0")}`
    const many = Array.from({ length: 200 }, (_, number) =>
      event.TaskStepAdded.make({ step_id: uuid(number), title: "Again" }),
    )
    const refused = { _tag: "LimitReached", what: "steps", limit: 200 }
    assert.deepStrictEqual(given(created, ...many).when(add), refused)
    assert.isArray(given(created, ...many.slice(1)).when(add))
  })
})

describe("dependencies", () => {
  const set = (...depends_on: ReadonlyArray<string>) => command.SetDependencies.make({ depends_on })
  const waits = (...depends_on: ReadonlyArray<string>) => event.TaskDependenciesChanged.make({ depends_on })

  it("the dependencies of a task are recorded sorted, each once, when they change", () => {
    assert.deepStrictEqual(given(created).when(set(other, dependency, other)), [waits(dependency, other)])
    assert.deepStrictEqual(given(created, waits(dependency, other)).when(set(other, dependency)), [])
    assert.deepStrictEqual(given(created, waits(dependency)).when(set()), [waits()])
  })
})

describe("a deletion", () => {
  const remove = (actor: typeof ada) => command.DeleteTask.make({ actor })
  const deleted = event.TaskDeleted.make({ from: null })

  it("the deletion of a task is for the creator, people and admins", () => {
    for (const actor of [ada, person, admin]) {
      assert.deepStrictEqual(given(created).when(remove(actor)), [deleted], actor.slug)
    }
    assert.include(given(created, takenBy(bob)).when(remove(bob)), { _tag: "NotAllowed" })
  })

  it("the deletion of a task says who had the task", () => {
    assert.deepStrictEqual(given(created, takenBy(bob)).when(remove(ada)), [
      event.TaskDeleted.make({ from: "bob" }),
    ])
  })

  it("the deletion of a task is final", () => {
    assert.deepStrictEqual(given(created, deleted).when(remove(ada)), [])
    assert.deepStrictEqual(given(created, deleted).when(take(ada)), { _tag: "TaskNotFound" })
    assert.deepStrictEqual(given(created, deleted).when(change(ada, { title: "Again" })), {
      _tag: "TaskNotFound",
    })
    assert.deepStrictEqual(given().when(remove(ada)), { _tag: "TaskNotFound" })
  })
})

describe("a task's fields", () => {
  const rejects = (schema: Schema.Schema<unknown>, ...values: ReadonlyArray<unknown>) => {
    for (const value of values) assert.isFalse(Schema.is(schema)(value), JSON.stringify(value))
  }

  it("a task's fields hold what PostgreSQL holds", () => {
    rejects(Position, 2 ** 31, -(2 ** 31) - 1, 0.5, Number.NaN, Infinity, "1")
    rejects(TimeSpent, -1, 2 ** 31)
    rejects(TaskTitle, "", "  ", "a\0", "\udc00", "x".repeat(501))
    rejects(Labels, ["a", "a"], Array.from({ length: 51 }, String), ["x".repeat(101)])
    rejects(TaskKey, "te-1", "TE-0", "TE-01", "TE1", "-1")
    assert.isTrue(Schema.is(Position)(-(2 ** 31)) && Schema.is(TimeSpent)(2 ** 31 - 1))
    assert.isTrue(Schema.is(TaskTitle)("👍".repeat(500)))
  })

  it("a task's fields come back from a snapshot, with nothing undefined", () => {
    const text = JSON.stringify(Schema.encodeSync(TaskState)(given(created).state))
    assert.deepStrictEqual(Schema.decodeUnknownSync(TaskState)(JSON.parse(text)), given(created).state)
  })
})
