import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { EventLog } from "../../../src/domain/EventLog.ts"
import { asAdmin, newProject, newTask } from "./client.ts"
import { door } from "./door.ts"

const head = Effect.flatMap(EventLog, (log) => Effect.map(log.head, ({ last }) => last))

/** `[what, body of POST /tasks, status, code, field]`; strings go as they are. */
const bodies: ReadonlyArray<readonly [string, unknown, number, string, string?]> = [
  ["nothing", undefined, 422, "invalid_input", "body"],
  ["no JSON", "{", 400, "malformed_json"],
  ["deep JSON", `{"title":"x","a":${"[".repeat(32)}${"]".repeat(32)}}`, 400, "malformed_json"],
  ["a list", [], 422, "invalid_input", "body"],
  ["no title", {}, 422, "invalid_input", "title"],
  ["NUL", '{"title":"a\\u0000b"}', 422, "invalid_input", "title"],
  ["a lone surrogate", '{"title":"a\\ud800b"}', 422, "invalid_input", "title"],
  ["a blank title", { title: "  " }, 422, "invalid_input", "title"],
  ["a long title", { title: "x".repeat(501) }, 422, "invalid_input", "title"],
  [
    "a long description",
    { title: "x", description: "ü".repeat(40_000) },
    422,
    "invalid_input",
    "description",
  ],
  ["an unknown status", { title: "x", status: "nope" }, 422, "invalid_input", "status"],
  ["an unknown type", { title: "x", type: "Task" }, 422, "invalid_input", "type"],
  ["a number beyond the column", { title: "x", position: 2 ** 31 }, 422, "invalid_input", "position"],
  ["a fraction", { title: "x", time_spent: 1.5 }, 422, "invalid_input", "time_spent"],
  ["an endless number", '{"title":"x","position":1e999}', 422, "invalid_input", "position"],
  ["no id", { title: "x", parent_id: "TE-1" }, 422, "invalid_input", "parent_id"],
  ["an id that is none", { title: "x", depends_on: ["crew.evt.>"] }, 422, "invalid_input", "depends_on.0"],
  ["no list", { title: "x", labels: "a" }, 422, "invalid_input", "labels"],
  [
    "an unknown parent",
    { title: "x", parent_id: "00000000-0000-4000-8000-000000000000" },
    422,
    "unknown_task",
    "parent_id",
  ],
  ["an unknown assignee", { title: "x", assignee_slug: "nobody" }, 422, "unknown_member", "assignee_slug"],
]

/** `[GET path, field]`, each a 400. */
const parameters = [
  ["/tasks/TE-1", "id"],
  ["/tasks/%00", "id"],
  ["/tasks?limit=0", "limit"],
  ["/tasks?limit=201", "limit"],
  ["/tasks?limit=many", "limit"],
  ["/tasks?cursor=garbled", "cursor"],
  ["/tasks?cursor=e30", "cursor"],
  ["/tasks?cursor=%00", "cursor"],
  ["/tasks?status=nope", "status"],
  ["/tasks?project_id=1", "project_id"],
  ["/tasks?label=%00", "label"],
  ["/projects/%2e%2e%2f", "slug"],
  ["/members/A", "slug"],
] as const

describe("what can't be understood", () => {
  for (const [what, body, status, code, field] of bodies) {
    it.live(`what can't be understood is refused: ${what}`, () =>
      Effect.gen(function* () {
        yield* newProject("team-board")
        const before = yield* head
        const answer = yield* asAdmin("POST", "/tasks?project_slug=team-board", body)
        assert.deepStrictEqual([answer.status, answer.body.code, answer.body.field], [status, code, field])
        assert.strictEqual(answer.headers.get("content-type"), "application/problem+json")
        assert.strictEqual(yield* head, before)
      }).pipe(Effect.provide(door())),
    )
  }

  for (const [path, field] of parameters) {
    it.live(`what can't be understood is refused: GET ${path}`, () =>
      Effect.gen(function* () {
        const answer = yield* asAdmin("GET", path)
        assert.deepStrictEqual([answer.status, answer.body.code], [400, "bad_parameter"])
        assert.strictEqual(answer.body.field, field)
        assert.deepStrictEqual(answer.body.errors[0].field, field)
      }).pipe(Effect.provide(door())),
    )
  }

  it.live("everything that is wrong is told at once", () =>
    Effect.gen(function* () {
      yield* newProject("team-board")
      const { id } = yield* newTask("team-board")
      const answer = yield* asAdmin("PATCH", `/tasks/${id}`, { title: 5, status: "x", priority: null })
      assert.deepStrictEqual(
        answer.body.errors.map(({ field }: { readonly field: string }) => field).toSorted(),
        ["priority", "status", "title"],
      )
    }).pipe(Effect.provide(door())),
  )

  it.live("duplicates do no harm: the last one counts", () =>
    Effect.gen(function* () {
      yield* newProject("team-board")
      const body = '{"title":"a","title":"b"}'
      const answer = yield* asAdmin("POST", "/tasks?project_slug=team-board", body)
      assert.strictEqual(answer.status, 201)
      assert.deepInclude(answer.body, { title: "b", status: "todo", key: "TE-1", number: 1 })
    }).pipe(Effect.provide(door())),
  )

  it.live("what nothing reads is told field by field, with the name that was meant", () =>
    Effect.gen(function* () {
      yield* newProject("team-board")
      const body =
        '{"title":"b","priorty":"high","__proto__":{"status":"done"},"constructor":1,"key":"XX-9","number":7}'
      const { body: told, status } = yield* asAdmin("POST", "/tasks?project_slug=team-board", body)
      assert.deepStrictEqual([status, told.code], [422, "unknown_field"])
      assert.deepStrictEqual(told.errors.map(({ field }: { readonly field: string }) => field).toSorted(), [
        "__proto__",
        "constructor",
        "key",
        "number",
        "priorty",
      ])
      assert.include(told.detail, "priorty: is unknown: did you mean priority?")
      assert.isUndefined(({} as Record<string, unknown>)["status"])
    }).pipe(Effect.provide(door())),
  )

  it.live("what nothing reads is told where it stands in the query, too", () =>
    Effect.gen(function* () {
      const { body, status } = yield* asAdmin("GET", "/tasks?asignee=bob")
      assert.deepStrictEqual([status, body.code, body.field], [400, "bad_parameter", "asignee"])
      assert.include(body.detail, "assignee")
    }).pipe(Effect.provide(door())),
  )

  it.live("what nothing reads is told as a body for a route that reads none", () =>
    Effect.gen(function* () {
      yield* newProject("team-board")
      const { id } = yield* newTask("team-board")
      const { body, status } = yield* asAdmin("POST", `/tasks/${id}/take`, { slug: "admin" })
      assert.deepStrictEqual([status, body.code, body.field], [422, "unknown_field", "slug"])
    }).pipe(Effect.provide(door())),
  )

  it.live("an answer may be sent back with what changed in it", () =>
    Effect.gen(function* () {
      yield* newProject("team-board")
      const { body: task } = yield* asAdmin("POST", "/tasks?project_slug=team-board", { title: "read" })
      const changed = yield* asAdmin("PATCH", `/tasks/${task.id}`, { ...task, title: "changed" })
      assert.deepStrictEqual([changed.status, changed.body.title], [200, "changed"])
      const { body: member } = yield* asAdmin("GET", "/me")
      const same = yield* asAdmin("PATCH", "/members/admin", { ...member, prompt: "Be brief." })
      assert.deepStrictEqual([same.status, same.body.prompt], [200, "Be brief."])
    }).pipe(Effect.provide(door())),
  )

  it.live("includes bodies that are too large, not UTF-8, compressed, or no JSON by their type", () =>
    Effect.gen(function* () {
      yield* newProject("team-board")
      const path = "/tasks?project_slug=team-board"
      const before = yield* head
      const large = yield* asAdmin("POST", path, `{"title":"${"x".repeat(1024 * 1024)}"}`)
      assert.deepStrictEqual([large.status, large.body.code], [400, "body_too_large"])
      for (const headers of [
        { "content-type": "text/plain" },
        { "content-type": "application/x-www-form-urlencoded" },
        { "content-encoding": "gzip" },
      ]) {
        const answer = yield* asAdmin("POST", path, "{}", { headers })
        assert.deepStrictEqual([answer.status, answer.body.code], [400, "unsupported_content_type"])
      }
      const accepted = yield* asAdmin(
        "POST",
        path,
        { title: "x" },
        {
          headers: { "content-type": "application/json; charset=utf-8" },
        },
      )
      assert.strictEqual(accepted.status, 201)
      assert.strictEqual(yield* head, before + 2)
    }).pipe(Effect.provide(door())),
  )
})
