import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { Project, ProjectCommand, ProjectEvent, reservedNumber, RepoUrls } from "../../src/domain/Project.ts"
import { placed, scenario } from "./given.ts"
import { histories, run, uuids } from "./histories.ts"

const [id = "", chat_id = "", first = "", second = ""] = uuids
const given = scenario(Project)
const { ChangeProject, CreateProject, ReserveTaskNumber } = ProjectCommand.cases
const { ProjectArchived, ProjectChanged, ProjectCreated, ProjectReopened, TaskNumberReserved } =
  ProjectEvent.cases

const settings = {
  id,
  name: "Team Board",
  slug: "team-board",
  description: null,
  repo_urls: ["https://example.org/board.git"],
  prefix: "TE",
  chat_id,
}
const created = ProjectCreated.make(settings)
const archived = ProjectArchived.make({})

describe("Project", () => {
  it("a project is created once", () => {
    const create = CreateProject.make(settings)
    assert.deepStrictEqual(given().when(create), [created])
    assert.deepStrictEqual(given(created).when(create), { _tag: "ProjectExists", slug: "team-board" })
  })

  it("a project starts active, without tasks", () => {
    assert.deepStrictEqual(given(created).state, {
      _tag: "Known",
      ...settings,
      status: "active",
      task_counter: 0,
      reserved: [],
      created_at: placed.at,
      updated_at: placed.at,
    })
  })

  it("a project records only what differs", () => {
    const change = ChangeProject.make({ name: "Board", description: null, repo_urls: settings.repo_urls })
    assert.deepStrictEqual(given(created).when(change), [ProjectChanged.make({ changes: { name: "Board" } })])
    assert.deepStrictEqual(given(created).when(ChangeProject.make({ name: "Team Board" })), [])
    assert.deepStrictEqual(given(created).when(ChangeProject.make({ repo_urls: [] })), [
      ProjectChanged.make({ changes: { repo_urls: [] } }),
    ])
  })

  it("a project is archived and reopened by its status", () => {
    const archive = ChangeProject.make({ status: "archived", name: "Old" })
    const reopen = ChangeProject.make({ status: "active" })
    assert.deepStrictEqual(given(created).when(archive), [
      ProjectChanged.make({ changes: { name: "Old" } }),
      archived,
    ])
    assert.deepStrictEqual(given(created).when(reopen), [])
    assert.deepStrictEqual(given(created, archived).when(ChangeProject.make({ status: "archived" })), [])
    assert.deepStrictEqual(given(created, archived).when(reopen), [ProjectReopened.make({})])
  })

  it("a project hands out numbers, the same again to the same task", () => {
    const one = TaskNumberReserved.make({ task_id: first, number: 1 })
    const reserve = (task_id: string) => ReserveTaskNumber.make({ task_id })
    assert.deepStrictEqual(given(created).when(reserve(first)), [one])
    assert.deepStrictEqual(given(created, one).when(reserve(first)), [])
    assert.deepStrictEqual(given(created, one).when(reserve(second)), [
      TaskNumberReserved.make({ task_id: second, number: 2 }),
    ])
    assert.strictEqual(reservedNumber(given(created, one).state, first), 1)
    assert.isUndefined(reservedNumber(given(created, one).state, second))
  })

  it("a project remembers the last 16 numbers, and counts on", () => {
    const uuid = (number: number) => `00000000-0000-4000-8000-${String(number).padStart(12, "0")}`
    const many = Array.from({ length: 20 }, (_, index) =>
      TaskNumberReserved.make({ task_id: uuid(index + 1), number: index + 1 }),
    )
    const { state, when } = given(created, ...many)
    assert.isUndefined(reservedNumber(state, uuid(4)))
    assert.strictEqual(reservedNumber(state, uuid(5)), 5)
    assert.deepInclude(state, { task_counter: 20 })
    assert.deepStrictEqual(when(ReserveTaskNumber.make({ task_id: first })), [
      TaskNumberReserved.make({ task_id: first, number: 21 }),
    ])
  })

  it("a project takes no new tasks once archived", () => {
    const reserve = ReserveTaskNumber.make({ task_id: first })
    assert.deepStrictEqual(given(created, archived).when(reserve), {
      _tag: "ProjectIsArchived",
      slug: "team-board",
    })
    assert.isArray(given(created, archived, ProjectReopened.make({})).when(reserve))
  })

  it("a project must exist", () => {
    assert.deepStrictEqual(given().when(ChangeProject.make({})), { _tag: "ProjectNotFound" })
    assert.deepStrictEqual(given().when(ReserveTaskNumber.make({ task_id: first })), {
      _tag: "ProjectNotFound",
    })
  })

  it.prop("numbers count up, none is given twice", [histories(ProjectCommand)], ([commands]) => {
    const numbers = run(Project, commands).flatMap(({ events = [] }) =>
      events.flatMap((event) => (event._tag === "TaskNumberReserved" ? [event.number] : [])),
    )
    assert.deepStrictEqual(
      numbers,
      numbers.map((_, index) => index + 1),
    )
  })

  it("a project takes only addresses of repositories", () => {
    const takes = Schema.is(RepoUrls)
    assert.isTrue(
      takes(["https://h/x", "http://h/x", "ssh://git@h/x", "git://h/x", "git@github.com:o/r.git"]),
    )
    for (const url of [
      "javascript:alert(1)",
      "file:///etc/passwd",
      "https://",
      "https://a b",
      " https://h",
    ]) {
      assert.isFalse(takes([url]), url)
    }
    assert.isFalse(takes(Array.from({ length: 21 }, (_, number) => `https://h/${number}`)))
    assert.isFalse(takes([`https://h/${"x".repeat(2000)}`]))
  })
})
