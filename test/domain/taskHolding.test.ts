import { assert, describe, it } from "@effect/vitest"
import { isPersonOrAdmin } from "../../src/domain/Actor.ts"
import { Task, TaskCommand, type TaskEvent, TaskFacts } from "../../src/domain/Task.ts"
import { placed } from "./given.ts"
import { histories, run, withFacts } from "./histories.ts"
import {
  ada,
  admin,
  blocker,
  bob,
  change,
  command,
  created,
  event,
  eve,
  given,
  knowing,
  other,
  person,
} from "./tasks.ts"
import { take, takenBy, waiting } from "./tasks.ts"

const assign = (actor: typeof ada, slug: string) => command.AssignTask.make({ actor, slug })
const assigned = (assignee_slug: string, from: string | null) =>
  event.TaskAssigned.make({ assignee_slug, from })
const held = { _tag: "TaskAlreadyTaken", holder: "bob" }

describe("taking", () => {
  it("taking a task takes what is free, and leaves the status alone", () => {
    assert.deepStrictEqual(given(created).when(take(bob)), [takenBy(bob)])
    assert.deepInclude(given(created, takenBy(bob)).state, {
      assignee_slug: "bob",
      claim: placed.seq,
      status: "todo",
    })
  })

  it("succeeds again for the holder, and names it to everyone else", () => {
    assert.deepStrictEqual(given(created, takenBy(bob)).when(take(bob)), [])
    for (const actor of [eve, person, admin]) {
      assert.deepStrictEqual(given(created, takenBy(bob)).when(take(actor)), held, actor.slug)
    }
  })

  it("taking a task is for oneself, except for admins", () => {
    assert.include(given(created).when(take(eve, "bob")), { _tag: "NotAllowed" })
    assert.include(given(created).when(take(person, "bob")), { _tag: "NotAllowed" })
    assert.deepStrictEqual(given(created).when(take(admin, "bob")), [takenBy(bob)])
  })

  it("taking a task waits for what the task depends on, and for nothing else", () => {
    const open = { _tag: "DependenciesOpen", open: [blocker] }
    assert.deepStrictEqual(given(created, waiting).when(take(bob), knowing(blocker)), open)
    assert.deepStrictEqual(given(created).when(take(bob), knowing(blocker)), [takenBy(bob)])
    assert.deepStrictEqual(given(created, waiting).when(take(bob)), [takenBy(bob)])
    const finished = knowing({ ...blocker, status: "done" })
    assert.deepStrictEqual(given(created, waiting).when(take(bob), finished), [takenBy(bob)])
  })

  it("taking needs a task that is there", () =>
    assert.deepStrictEqual(given().when(take(bob)), { _tag: "TaskNotFound" }))
})

describe("assigning", () => {
  it("assigning a task gives what is free to anyone, by anyone", () => {
    for (const actor of [bob, eve, person]) {
      assert.deepStrictEqual(given(created).when(assign(actor, "bob")), [assigned("bob", null)], actor.slug)
    }
  })

  it("assigning a task moves what is held: the holder, a person, an admin, never another agent", () => {
    for (const actor of [bob, person, admin]) {
      assert.deepStrictEqual(given(created, takenBy(bob)).when(assign(actor, "eve")), [
        assigned("eve", "bob"),
      ])
    }
    for (const actor of [ada, eve]) {
      assert.deepStrictEqual(given(created, takenBy(bob)).when(assign(actor, "eve")), held, actor.slug)
    }
  })

  it("assigning a task changes nothing when it is so already", () => {
    assert.deepStrictEqual(given(created, takenBy(bob)).when(assign(eve, "bob")), [])
  })

  it("assigning a task waits for open dependencies", () => {
    const open = { _tag: "DependenciesOpen", open: [blocker] }
    assert.deepStrictEqual(given(created, waiting).when(assign(person, "bob"), knowing(blocker)), open)
    const history = [created, takenBy(bob), waiting]
    assert.deepStrictEqual(given(...history).when(assign(person, "eve"), knowing(blocker)), open)
  })

  it("assigning a task by a change follows the same rule", () => {
    const wish = (actor: typeof ada) => change(actor, { assignee_slug: "eve" })
    assert.deepStrictEqual(given(created).when(wish(ada)), [assigned("eve", null)])
    assert.deepStrictEqual(given(created, takenBy(bob)).when(wish(person)), [assigned("eve", "bob")])
    assert.deepStrictEqual(given(created, takenBy(bob)).when(wish(eve)), held)
    assert.deepStrictEqual(
      given(created, waiting).when(change(ada, { assignee_slug: "eve" }), knowing(blocker)),
      {
        _tag: "DependenciesOpen",
        open: [blocker],
      },
    )
  })
})

describe("giving back", () => {
  const reject = (actor: typeof ada, slug = actor.slug) =>
    command.RejectTask.make({ actor, slug, reason: "I can't reproduce it.", comment_id: other })

  it("frees the task and leaves the reason", () => {
    const rejected = event.TaskRejected.make({
      from: "bob",
      reason: "I can't reproduce it.",
      comment_id: other,
      by: "bob",
      author_type: "agent",
      author_name: "BOB",
    })
    assert.deepStrictEqual(given(created, takenBy(bob)).when(reject(bob)), [rejected])
    assert.deepInclude(given(created, takenBy(bob), rejected).state, { assignee_slug: null, claim: null })
    assert.deepStrictEqual(given(created, takenBy(bob), rejected).when(reject(bob)), {
      _tag: "NotHolder",
      holder: null,
    })
  })

  it("giving back a task is for the holder, or an admin in its place", () => {
    const refused = { _tag: "NotHolder", holder: "bob" }
    assert.deepStrictEqual(given(created, takenBy(bob)).when(reject(eve)), refused)
    assert.deepStrictEqual(given(created, takenBy(bob)).when(reject(eve, "bob")), refused)
    assert.deepStrictEqual(given(created, takenBy(bob)).when(reject(person, "bob")), refused)
    assert.deepStrictEqual(given(created, takenBy(bob)).when(reject(admin)), refused)
    assert.isArray(given(created, takenBy(bob)).when(reject(admin, "bob")))
  })

  it("giving back a task works without a reason by a change: the holder, a person, an admin", () => {
    const release = (actor: typeof ada) => change(actor, { assignee_slug: null })
    for (const actor of [bob, person, admin]) {
      assert.deepStrictEqual(given(created, takenBy(bob)).when(release(actor)), [
        event.TaskReleased.make({ from: "bob" }),
      ])
    }
    assert.deepStrictEqual(given(created, takenBy(bob)).when(release(eve)), held)
    assert.deepStrictEqual(given(created).when(release(eve)), [])
  })
})

// Who holds the task by the events alone, with nothing from the state that evolve keeps.
const holderAfter = (holder: string | null, event: TaskEvent) => {
  if (event._tag === "TaskTaken" || event._tag === "TaskAssigned") return event.assignee_slug
  return ["TaskReleased", "TaskRejected", "TaskDeleted"].includes(event._tag) ? null : holder
}

describe("over any history", () => {
  const { aggregate, given } = withFacts(Task, TaskCommand, TaskFacts)
  const commands = histories(given)

  it.prop("there is one holder at most, and each loss names who lost it", [commands], ([commands]) => {
    let holder: string | null = null
    for (const { events = [] } of run(aggregate, commands)) {
      for (const event of events) {
        if (event._tag === "TaskTaken") assert.isNull(holder)
        if (event._tag !== "TaskMoved" && "from" in event) assert.strictEqual(event.from, holder)
        holder = holderAfter(holder, event)
      }
    }
  })

  it.prop("no agent takes a task away from another", [commands], ([commands]) => {
    for (const {
      before,
      after,
      command: { command },
    } of run(aggregate, commands)) {
      if (before._tag !== "Open" || before.assignee_slug === null || !("actor" in command)) continue
      const lost = after._tag === "Open" && after.assignee_slug !== before.assignee_slug
      if (!lost) continue
      const { actor } = command
      assert.isTrue(actor.slug === before.assignee_slug || isPersonOrAdmin(actor), command._tag)
    }
  })

  it.prop("the claim is where the holder got the task; no holder, no claim", [commands], ([commands]) => {
    let claim: number | null = null
    for (const { events = [], placed, after } of run(aggregate, commands)) {
      if (events.some(({ _tag }) => _tag === "TaskTaken" || _tag === "TaskAssigned")) claim = placed.seq
      if (after._tag !== "Open") continue
      if (after.assignee_slug === null) claim = null
      assert.strictEqual(after.claim, claim)
    }
  })

  it.prop("nothing is done with an outdated claim", [commands], ([commands]) => {
    for (const {
      before,
      command: { command },
      events = [],
    } of run(aggregate, commands)) {
      const claim = "claim" in command ? command.claim : undefined
      if (before._tag === "Open" && claim !== undefined && claim !== before.claim) assert.isEmpty(events)
    }
  })

  it.prop("steps, watchers and dependencies stay without repeats", [commands], ([commands]) => {
    for (const { after } of run(aggregate, commands)) {
      if (after._tag !== "Open") continue
      for (const list of [after.steps.map(({ id }) => id), after.watchers, after.depends_on]) {
        assert.strictEqual(new Set(list).size, list.length)
      }
      assert.deepStrictEqual(after.depends_on, after.depends_on.toSorted())
    }
  })
})
