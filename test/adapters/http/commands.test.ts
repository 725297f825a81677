import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { HttpServer } from "../../../src/adapters/http/HttpServer.ts"
import { EventLog } from "../../../src/domain/EventLog.ts"
import { type Answer, as, asAdmin, join, newProject, newTask } from "./client.ts"
import { door } from "./door.ts"

const head = Effect.flatMap(EventLog, (log) => Effect.map(log.head, ({ last }) => last))
const test = <A, E>(title: string, effect: Effect.Effect<A, E, EventLog | HttpServer>) =>
  it.live(title, () => effect.pipe(Effect.provide(door())))

const code = ({ body, status }: Answer) => [status, body.code]

describe("commands over REST", () => {
  test(
    "commands over REST answer with the state they led to, its position and its version, though the read model is away",
    Effect.gen(function* () {
      const project = yield* newProject("team-board")
      assert.strictEqual(project.status, 201)
      assert.deepInclude(project.body, {
        slug: "team-board",
        status: "active",
        task_counter: 0,
        repo_urls: [],
      })
      const task = yield* asAdmin("POST", "/tasks?project_slug=team-board", {
        title: "Fix login bug",
        description: "...",
        type: "bug",
        priority: "high",
        labels: ["frontend", "urgent"],
      })
      assert.strictEqual(task.status, 201)
      assert.deepInclude(task.body, {
        project_id: project.body.id,
        parent_id: null,
        number: 1,
        key: "TE-1",
        title: "Fix login bug",
        description: "...",
        type: "bug",
        status: "todo",
        priority: "high",
        labels: ["frontend", "urgent"],
        assignee_slug: null,
        reviewer_slug: null,
        watchers: [],
        depends_on: [],
        position: 0,
        time_spent: 0,
        steps: [],
      })
      const seq = yield* head
      assert.strictEqual(task.headers.get("crewlog-seq"), String(seq))
      assert.strictEqual(task.headers.get("etag"), `"${seq}"`)
      assert.strictEqual(task.headers.get("crewlog-projected"), "false")
      assert.strictEqual(task.headers.get("cache-control"), "no-store")
      assert.strictEqual(task.headers.get("x-content-type-options"), "nosniff")
    }),
  )

  test(
    "that come again with their key take effect once and get the first answer",
    Effect.gen(function* () {
      yield* newProject("team-board")
      const again = Effect.fnUntraced(function* (method: string, path: string, body?: unknown) {
        const first = yield* asAdmin(method, path, body, {
          key: `key of ${method}${path}`.replaceAll(" ", "-"),
        })
        const before = yield* head
        const second = yield* asAdmin(method, path, body, {
          key: `key of ${method}${path}`.replaceAll(" ", "-"),
        })
        assert.deepStrictEqual(
          [second.status, JSON.stringify(second.body)],
          [first.status, JSON.stringify(first.body)],
        )
        for (const name of ["crewlog-seq", "etag"]) {
          assert.strictEqual(second.headers.get(name), first.headers.get(name), name)
        }
        assert.strictEqual(yield* head, before)
        return first
      })
      yield* again("POST", "/projects", { name: "Other", slug: "other" })
      const { body: task } = yield* again("POST", "/tasks?project_slug=team-board", { title: "Ship it" })
      const { body: other } = yield* again("POST", "/tasks?project_slug=other", { title: "Ship it" })
      assert.notStrictEqual(task.id, other.id)
      const { body: step } = yield* again("POST", `/tasks/${task.id}/steps`, { title: "Look" })
      yield* again("PATCH", `/tasks/${task.id}/steps/${step.id}`, { done: true })
      yield* again("POST", `/tasks/${task.id}/take`)
      yield* again("POST", `/tasks/${task.id}/reject`, { reason: "not mine" })
      yield* again("POST", `/tasks/${task.id}/watch`)
      const dependency = yield* newTask("team-board")
      yield* again("PATCH", `/tasks/${task.id}`, { title: "Shipped", depends_on: [dependency.id] })
      yield* again("DELETE", `/tasks/${task.id}/steps/${step.id}`)
      yield* again("POST", "/messages", { task_id: task.id, content: "hello" })
      const { body } = yield* again("POST", "/members", { name: "Bob", slug: "bob", type: "agent" })
      assert.match(body.token, /^tb-[\w-]{43}$/)
      const { body: next } = yield* again("POST", "/members/bob/token")
      assert.notStrictEqual(next.token, body.token)
      yield* again("PATCH", "/members/bob", { prompt: "Be brief." })
      yield* again("PATCH", "/projects/team-board", { status: "archived" })
      yield* again("DELETE", `/tasks/${task.id}`)
    }),
  )

  test(
    "commands over REST are refused under a key that was used for something else, but not for another spelling of the same",
    Effect.gen(function* () {
      yield* newProject("team-board")
      const path = "/tasks?project_slug=team-board"
      const first = yield* asAdmin("POST", path, '{"title":"A","labels":["x"]}', { key: "k" })
      const same = yield* asAdmin("POST", path, '{ "labels": ["x"],\n "title": "A" }', { key: "k" })
      assert.deepStrictEqual(same.body, first.body)
      const before = yield* head
      const other = yield* asAdmin("POST", path, { title: "B" }, { key: "k" })
      assert.deepStrictEqual(code(other), [422, "idempotency_key_reused"])
      assert.strictEqual(yield* head, before)
      yield* newProject("other")
      const unmoved = yield* head
      const elsewhere = yield* asAdmin(
        "POST",
        "/tasks?project_slug=other",
        { title: "A", labels: ["x"] },
        { key: "k" },
      )
      assert.deepStrictEqual(code(elsewhere), [422, "idempotency_key_reused"])
      assert.strictEqual(yield* head, unmoved)
      for (const key of ["", "with blank", "ü", "x".repeat(201)]) {
        const answer = yield* asAdmin("POST", path, { title: "C" }, { key })
        assert.deepInclude(answer.body, { status: 400, field: "Idempotency-Key" })
      }
    }),
  )

  test(
    "commands over REST are refused under a used key that names something else to be made, and make nothing",
    Effect.gen(function* () {
      const project = (slug: string, key: string) =>
        asAdmin("POST", "/projects", { name: slug, slug }, { key })
      const member = (slug: string, key: string) =>
        asAdmin("POST", "/members", { name: slug, slug, type: "agent" }, { key })
      const made = [yield* project("one", "k1"), yield* member("bob", "k2")]
      const before = yield* head
      for (const key of ["k1", "k2"]) {
        assert.deepStrictEqual(code(yield* project("two", key)), [422, "idempotency_key_reused"])
        assert.deepStrictEqual(code(yield* member("eve", key)), [422, "idempotency_key_reused"])
      }
      const again = [yield* project("one", "k1"), yield* member("bob", "k2")]
      assert.deepStrictEqual(
        again.map(({ body }) => body),
        made.map(({ body }) => body),
      )
      assert.strictEqual(yield* head, before)
    }),
  )

  test(
    "that changed nothing are answered as the first time, and take no effect later",
    Effect.gen(function* () {
      yield* newProject("team-board")
      const { id } = yield* newTask("team-board")
      const bob = as(yield* join("bob"))
      yield* bob("POST", `/tasks/${id}/take`)
      const first = yield* bob("POST", `/tasks/${id}/take`, undefined, { key: "again" })
      assert.strictEqual(first.status, 200)
      yield* bob("POST", `/tasks/${id}/reject`, { reason: "not mine" })
      const second = yield* bob("POST", `/tasks/${id}/take`, undefined, { key: "again" })
      assert.deepStrictEqual([second.status, second.body], [200, first.body])
      assert.strictEqual(second.headers.get("etag"), first.headers.get("etag"))
      const free = yield* asAdmin("PATCH", `/tasks/${id}`, { status: "todo" }, { key: "done" })
      assert.strictEqual(free.body.assignee_slug, null)
      const other = yield* asAdmin("PATCH", `/tasks/${id}`, { status: "done" }, { key: "done" })
      assert.deepStrictEqual(code(other), [422, "idempotency_key_reused"])
    }),
  )

  test(
    "commands over REST take a version that was read before a command that changed nothing, and the one that it answered",
    Effect.gen(function* () {
      yield* newProject("team-board")
      const made = yield* asAdmin("POST", "/tasks?project_slug=team-board", { title: "A" })
      const path = `/tasks/${made.body.id}`
      const tagOf = ({ headers }: Answer) => headers.get("etag") ?? ""
      const change = (title: string, tag: string, key: string) =>
        asAdmin("PATCH", path, { title }, { key, headers: { "if-match": tag } })
      const same = yield* change("A", tagOf(made), "same")
      assert.notStrictEqual(tagOf(same), tagOf(made))
      const list = yield* change("A", `"1", ${tagOf(made)}`, "list")
      assert.deepStrictEqual([same.status, list.status], [200, 200])
      const changed = yield* change("B", tagOf(made), "other")
      assert.deepStrictEqual([changed.status, changed.body.title], [200, "B"])
      for (const old of [made, same, list]) {
        assert.deepStrictEqual(code(yield* change("C", tagOf(old), "late")), [412, "version_mismatch"])
      }
    }),
  )

  test(
    "honour If-Match and Crewlog-Claim",
    Effect.gen(function* () {
      yield* newProject("team-board")
      const { id } = yield* newTask("team-board")
      const bob = as(yield* join("bob"))
      const taken = yield* bob("POST", `/tasks/${id}/take`)
      assert.strictEqual(taken.body.assignee_slug, "bob")
      assert.strictEqual(String(taken.body.claim), taken.headers.get("crewlog-seq"))
      const change = (headers: Record<string, string>, title: string) =>
        bob("PATCH", `/tasks/${id}`, { title }, { headers })

      const tag = taken.headers.get("etag") ?? ""
      const stale = yield* change({ "if-match": '"1"' }, "A")
      assert.deepStrictEqual(code(stale), [412, "version_mismatch"])
      assert.strictEqual(stale.body.actual, Number(taken.headers.get("crewlog-seq")))
      assert.deepStrictEqual(code(yield* change({ "if-match": `W/${tag}` }, "A")), [412, "version_mismatch"])
      assert.deepStrictEqual(code(yield* change({ "if-match": "17" }, "A")), [400, "bad_parameter"])
      const fresh = yield* change({ "if-match": `"1", ${tag}` }, "B")
      assert.deepStrictEqual([fresh.status, fresh.body.title], [200, "B"])
      assert.strictEqual((yield* change({ "if-match": fresh.headers.get("etag") ?? "" }, "C")).status, 200)
      assert.strictEqual((yield* change({ "if-match": "*" }, "D")).status, 200)

      const claim = String(taken.body.claim)
      assert.strictEqual((yield* change({ "crewlog-claim": claim }, "E")).status, 200)
      assert.deepStrictEqual(code(yield* change({ "crewlog-claim": "3" }, "F")), [409, "stale_claim"])
      assert.deepStrictEqual(code(yield* change({ "crewlog-claim": "x" }, "F")), [400, "bad_parameter"])
      yield* bob("POST", `/tasks/${id}/reject`, { reason: "too much" })
      assert.deepStrictEqual(code(yield* change({ "crewlog-claim": claim }, "F")), [409, "stale_claim"])
    }),
  )

  test(
    "name the holder, and the tasks that are waited for",
    Effect.gen(function* () {
      yield* newProject("team-board")
      const bob = as(yield* join("bob"))
      const eve = as(yield* join("eve"))
      const first = yield* newTask("team-board")
      const second = yield* newTask("team-board", { depends_on: [first.id] })
      const waits = yield* bob("POST", `/tasks/${second.id}/take`)
      assert.deepStrictEqual(code(waits), [409, "dependencies_open"])
      assert.deepStrictEqual(waits.body.open, [{ id: first.id, key: "TE-1", status: "todo" }])
      yield* bob("POST", `/tasks/${first.id}/take`)
      const held = yield* eve("POST", `/tasks/${first.id}/take`)
      assert.deepStrictEqual(code(held), [409, "task_already_taken"])
      assert.strictEqual(held.body.holder, "bob")
      yield* bob("PATCH", `/tasks/${first.id}`, { status: "done" })
      assert.strictEqual((yield* bob("POST", `/tasks/${second.id}/take`)).status, 200)
    }),
  )

  test(
    "carry on the request's id and trace, and let clients skip the wait",
    Effect.gen(function* () {
      yield* newProject("team-board")
      const trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
      const headers = { "x-request-id": "r-17", traceparent: trace, prefer: "wait=1, respond-async" }
      const answer = yield* asAdmin("POST", "/tasks?project_slug=team-board", { title: "A" }, { headers })
      assert.strictEqual(answer.headers.get("x-request-id"), "r-17")
      assert.strictEqual(answer.headers.get("traceparent"), trace)
      assert.strictEqual(answer.headers.get("preference-applied"), "respond-async")
      const log = yield* EventLog
      const newest = yield* log.at((yield* log.head).last)
      assert.strictEqual(newest?.record.correlation, "r-17")
      const other = yield* asAdmin("GET", "/me", undefined, { headers: { "x-request-id": "a b" } })
      assert.match(other.headers.get("x-request-id") ?? "", /^[0-9a-f-]{36}$/)
    }),
  )

  test(
    "commands over REST know a new token and forget an old one at once",
    Effect.gen(function* () {
      const first = yield* join("bob")
      assert.strictEqual((yield* as(first)("GET", "/me")).body.slug, "bob")
      const { token } = (yield* as(first)("POST", "/members/bob/token")).body
      assert.deepStrictEqual(code(yield* as(first)("GET", "/me")), [401, "unauthorized"])
      assert.strictEqual((yield* as(token)("GET", "/me")).status, 200)
      yield* asAdmin("PATCH", "/members/bob", { is_enabled: false })
      assert.deepStrictEqual(code(yield* as(token)("GET", "/me")), [403, "member_disabled"])
      yield* asAdmin("PATCH", "/members/bob", { is_enabled: true })
      assert.strictEqual((yield* as(token)("GET", "/me")).status, 200)
    }),
  )

  it.live("a member can save itself as it was read, and change no rights by that", () =>
    Effect.gen(function* () {
      const bob = as(yield* join("bob"))
      const { body: read } = yield* bob("GET", "/me")
      const saved = yield* bob("PATCH", "/members/bob", { ...read, name: "Bob" })
      assert.deepStrictEqual([saved.status, saved.body.name, saved.body.role], [200, "Bob", "member"])
      for (const change of [{ role: "admin" }, { is_enabled: false }]) {
        const refused = yield* bob("PATCH", "/members/bob", { ...read, ...change })
        assert.deepStrictEqual([refused.status, refused.body.code], [403, "admins_only"])
      }
    }).pipe(Effect.provide(door())),
  )
})
