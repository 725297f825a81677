import { assert, describe, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import type { Explanation } from "../../../src/projections/Explanation.ts"
import { crewOn } from "../../projections/crews.ts"
import { Project, ProjectCommand } from "../../../src/domain/Project.ts"
import { Prefix, PrefixCommand } from "../../../src/domain/Prefix.ts"
import { NASTY, deployed } from "../board.ts"
import { crewlog } from "../crewlog.ts"

const UNFIT = /[^\n\P{Cc}]|\p{Bidi_Control}/u

const test = <E>(title: string, effect: Effect.Effect<void, E, Scope.Scope>) =>
  it.live(title, () => Effect.scoped(effect))

/** A task that two held before, that waits for another, in a project that gave it its number. */
const there = Effect.gen(function* () {
  const { assign, change, create, log, project, reject, take } = crewOn()
  const project_id = project("team-board")
  log.give(Prefix, "TE", PrefixCommand.cases.ClaimPrefix.make({ project_id }))
  const other = create({ project_id, number: 2, key: "TE-2", title: "First this" })
  const id = create({ project_id, title: NASTY })
  log.give(Project, project_id, ProjectCommand.cases.ReserveTaskNumber.make({ task_id: id }))
  log.give(Project, project_id, ProjectCommand.cases.ReserveTaskNumber.make({ task_id: other }))
  take(id, "bob")
  change(id, { status: "in_progress" })
  assign(id, "eve")
  reject(id, "eve", "0f0f4f0e-6a53-4c52-9a8e-4f1f4f1d7c5b")
  take(other, "cleo")
  const { env } = yield* deployed(log.records)
  return { env, id, log, other, records: log.records }
})

const explained = (out: string) => JSON.parse(out) as Explanation

describe("crewlog log explain", () => {
  test(
    "crewlog log explain says why a task is where it is, and who held it",
    Effect.gen(function* () {
      const { env, id, records } = yield* there
      const { code, out } = yield* crewlog(["log", "explain", "TE-1", "--json"], env)
      assert.strictEqual(code, 0)
      const { can_be_taken, holders, moves, status, why } = explained(out)
      assert.deepStrictEqual([status, can_be_taken], ["in_progress", true])
      const seqOf = (tag: string) => records.find(({ record }) => record.events[0]?._tag === tag)?.seq
      assert.deepStrictEqual(
        holders.map(({ since, slug, until }) => [
          slug,
          since.how,
          since.seq,
          until?.how,
          until?.seq,
          until?.to,
        ]),
        [
          ["bob", "taken", seqOf("TaskTaken"), "reassigned", seqOf("TaskAssigned"), "eve"],
          ["eve", "assigned", seqOf("TaskAssigned"), "rejected", seqOf("TaskRejected"), null],
        ],
      )
      assert.strictEqual(holders[1]?.until?.reason, "not mine")
      assert.deepStrictEqual(
        moves.map(({ from, to }) => [from, to]),
        [
          [null, "todo"],
          ["todo", "in_progress"],
        ],
      )
      assert.include(why.join(" "), "TE-1 is in_progress since ada moved it from todo")
      assert.strictEqual((yield* crewlog(["log", "explain", id, "--json"], env)).out, out)
      const people = yield* crewlog(["log", "explain", `task.${id}`], env)
      assert.include(people.out, '"not mine"')
      assert.isFalse(UNFIT.test(people.out))
      for (const line of people.out.trimEnd().split("\n")) assert.isAtMost(line.length, 80)
    }),
  )

  test(
    "crewlog log explain says what a task waits for, and who has that",
    Effect.gen(function* () {
      const { create, log, remove, take } = crewOn()
      const first = create({ number: 2, key: "TE-2" })
      const done = create({ number: 3, key: "TE-3", status: "done" })
      const gone = create({ number: 4, key: "TE-4" })
      const id = create({ depends_on: [first, done, gone].toSorted() })
      take(first, "bob")
      remove(gone)
      const { env } = yield* deployed(log.records)
      const { can_be_taken, waits_for, why } = explained(
        (yield* crewlog(["log", "explain", id, "--json"], env)).out,
      )
      assert.isFalse(can_be_taken)
      assert.deepStrictEqual(
        waits_for.map(({ assignee_slug, key }) => [key, assignee_slug]),
        [["TE-2", "bob"]],
      )
      assert.include(why, "It waits for TE-2, which is todo and held by bob.")
      const deleted = explained((yield* crewlog(["log", "explain", gone, "--json"], env)).out)
      assert.deepStrictEqual([deleted.status, deleted.can_be_taken], [null, false])
      assert.match(deleted.why.join(), /^ada deleted TE-4 at /)
    }),
  )

  test(
    "crewlog log explain tells what is unknown from what is no task",
    Effect.gen(function* () {
      const { env } = yield* there
      for (const name of ["TE-9", "XX-1", "0f0f4f0e-6a53-4c52-9a8e-4f1f4f1d7c5b"]) {
        const { code, err } = yield* crewlog(["log", "explain", name], env)
        assert.deepStrictEqual([code, err], [1, `crewlog: the log knows no task ${name}\n`])
      }
      const { code, err } = yield* crewlog(["log", "explain", "that one"], env)
      assert.strictEqual(code, 2)
      assert.match(err, /^crewlog: that one is no task\.[^\n]*\n$/)
    }),
  )
})
