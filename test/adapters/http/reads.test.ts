import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { adminOf, makeCrew } from "../../support/crew.ts"
import { startNode } from "../../support/node.ts"
import { type Answer, Rest } from "../../support/rest.ts"
import { freshDatabase, freshNats } from "../../support/servers.ts"

interface Crew {
  readonly admin: Rest
  readonly bob: Rest
  readonly project: { readonly id: string; readonly chat_id: string }
}
class Reading extends Context.Service<Reading, Crew>()("test/Reading") {
  static readonly layer = Layer.effect(
    Reading,
    Effect.gen(function* () {
      const node = yield* startNode({ nats: yield* freshNats, databaseUrl: yield* freshDatabase })
      const { project, tokens } = yield* makeCrew(node, ["bob"])
      return Reading.of({ admin: adminOf(node), bob: new Rest(node.url, tokens[0] ?? ""), project })
    }),
  )
}

interface Promised {
  readonly headers?: Readonly<Record<string, unknown>>
}

/** Every page, by the links from one to the next. */
const pages = Effect.fnUntraced(function* (rest: Rest, path: string) {
  const all: Array<ReadonlyArray<{ readonly id: string; readonly slug: string; readonly content: string }>> =
    []
  for (let next: string | undefined = path; next !== undefined;) {
    const answer: Answer = yield* rest.get(next)
    assert.strictEqual(answer.status, 200)
    all.push(answer.body)
    next = /^<\/api\/v1([^>]+)>; rel="next"$/.exec(answer.headers.get("link") ?? "")?.[1]
  }
  return all
})

layer(Reading.layer, { timeout: 60_000, excludeTestServices: true })("reads", (it) => {
  it.effect("questions over REST show at once what a command answered, with its version", () =>
    Effect.gen(function* () {
      const { admin, bob } = yield* Reading
      const made = yield* admin.post("/tasks?project_slug=team-board", { title: "Seen", labels: ["seen"] })
      assert.isNull(made.headers.get("crewlog-projected"))
      const { id } = made.body
      const read = yield* bob.get(`/tasks/${id}`)
      assert.deepStrictEqual(read.body, made.body)
      const tag = read.headers.get("etag") ?? ""
      assert.strictEqual(tag, made.headers.get("etag"))
      assert.isAtLeast(read.seq, made.seq)
      const known = yield* bob.get(`/tasks/${id}`, { "if-none-match": `W/${tag}, "0"` })
      assert.deepStrictEqual([known.status, known.body, known.headers.get("etag")], [304, undefined, tag])
      const changed = yield* bob.post(`/tasks/${id}/take`)
      assert.strictEqual((yield* bob.get(`/tasks/${id}`, { "if-none-match": tag })).status, 200)
      assert.strictEqual((yield* bob.get(`/tasks/${id}`)).headers.get("etag"), changed.headers.get("etag"))
      assert.match((yield* admin.get("/projects/team-board")).headers.get("etag") ?? "", /^"\d+"$/)
    }),
  )

  it.effect("filter tasks", () =>
    Effect.gen(function* () {
      const { admin, bob, project } = yield* Reading
      const create = (body: object) => admin.post("/tasks?project_slug=team-board", body)
      const { body: parent } = yield* create({ title: "Parent", type: "epic" })
      const { body: child } = yield* create({
        title: "Child",
        parent_id: parent.id,
        priority: "critical",
        labels: ["odd"],
      })
      yield* bob.post(`/tasks/${child.id}/take`)
      yield* bob.send("PATCH", `/tasks/${child.id}`, { status: "in_review" })
      const found = Effect.fnUntraced(function* (query: string) {
        const { body, status } = yield* admin.get(`/tasks?${query}`)
        assert.strictEqual(status, 200, JSON.stringify(body))
        return body.map(({ id }: { readonly id: string }) => id) as ReadonlyArray<string>
      })
      for (const query of [
        `project_id=${project.id}&status=in_review`,
        `project_slug=team-board&assignee=bob&status=in_review`,
        `parent_id=${parent.id}`,
        "priority=critical",
        "label=odd",
      ]) {
        assert.deepStrictEqual(yield* found(query), [child.id], query)
      }
      assert.deepStrictEqual(yield* found("type=epic"), [parent.id])
      assert.include(yield* found("assignee="), parent.id)
      assert.notInclude(yield* found("assignee="), child.id)
      assert.deepStrictEqual(yield* found("project_slug=nope"), [])
    }),
  )

  it.effect("questions over REST come page by page, each thing once", () =>
    Effect.gen(function* () {
      const { admin, project } = yield* Reading
      for (let n = 0; n < 7; n += 1) {
        yield* admin.post("/tasks?project_slug=team-board", {
          title: `Page ${n}`,
          labels: ["page"],
          position: n % 3,
        })
        yield* admin.post("/messages", { chat_id: project.chat_id, content: `${n}` })
        yield* admin.post("/members", { name: `Page ${n}`, slug: `page-${n}`, type: "agent" })
      }
      const tasks = yield* pages(admin, "/tasks?label=page&limit=3")
      assert.deepStrictEqual(
        tasks.map(({ length }) => length),
        [3, 3, 1],
      )
      assert.strictEqual(new Set(tasks.flat().map(({ id }) => id)).size, 7)
      const messages = yield* pages(admin, `/messages?chat_id=${project.chat_id}&limit=3`)
      assert.deepStrictEqual(
        messages.map((page) => page.map(({ content }) => content)),
        [["4", "5", "6"], ["1", "2", "3"], ["0"]],
      )
      const members = (yield* pages(admin, "/members?limit=4")).flat().map(({ slug }) => slug)
      assert.deepStrictEqual(members, members.toSorted())
      assert.includeMembers(members, ["admin", "bob", "page-0", "page-6"])
    }),
  )

  it.effect(
    "questions over REST show threads and comments, and refuse replies to other chats' messages",
    () =>
      Effect.gen(function* () {
        const { admin, bob } = yield* Reading
        const { body: task } = yield* admin.post("/tasks?project_slug=team-board", { title: "Talked about" })
        const { body: other } = yield* admin.post("/tasks?project_slug=team-board", { title: "Another" })
        const say = (task_id: string, more: object) =>
          bob.post("/messages", { task_id, content: "text", ...more })
        const { body: first } = yield* say(task.id, { mentions: ["admin"] })
        const { body: reply, status } = yield* say(task.id, { parent_id: first.id })
        assert.strictEqual(status, 201)
        assert.deepStrictEqual((yield* admin.get(`/messages/${first.id}/replies`)).body, [reply])
        assert.deepStrictEqual((yield* admin.get(`/messages?task_id=${task.id}`)).body, [first, reply])
        const wrong = yield* say(other.id, { parent_id: first.id })
        assert.deepStrictEqual(
          [wrong.status, wrong.body.code, wrong.body.field],
          [422, "unknown_parent", "parent_id"],
        )
        assert.deepStrictEqual((yield* admin.get(`/messages/${reply.id}/replies`)).body, [])
        const nowhere = "00000000-0000-4000-8000-000000000000"
        assert.strictEqual((yield* admin.get(`/messages/${nowhere}/replies`)).body.code, "message_not_found")
        for (const query of ["", `?chat_id=${nowhere}&task_id=${nowhere}`]) {
          assert.strictEqual((yield* admin.get(`/messages${query}`)).status, 422)
        }
        yield* bob.post(`/tasks/${task.id}/take`)
        yield* bob.post(`/tasks/${task.id}/reject`, { reason: "not mine" })
        const { body: comments } = yield* admin.get(`/messages?task_id=${task.id}`)
        assert.strictEqual(comments.at(-1).content, "not mine")
      }),
  )

  it.effect("questions over REST tell a task's history: who, what, when, where", () =>
    Effect.gen(function* () {
      const { admin, bob } = yield* Reading
      const { body: task, seq } = yield* admin.post("/tasks?project_slug=team-board", { title: "Told" })
      const taken = yield* bob.post(`/tasks/${task.id}/take`)
      const { body: history } = yield* admin.get(`/tasks/${task.id}/history`)
      assert.deepStrictEqual(
        history.map(({ actor, event, seq }: { actor: string; event: string; seq: number }) => [
          seq,
          actor,
          event,
        ]),
        [
          [seq, "admin", "TaskCreated"],
          [taken.seq, "bob", "TaskTaken"],
        ],
      )
      assert.strictEqual((yield* pages(admin, `/tasks/${task.id}/history?limit=1`)).length, 2)
    }),
  )

  it.effect("questions over REST wait for a position, then say that it is not there yet", () =>
    Effect.gen(function* () {
      const { admin } = yield* Reading
      const { body: task } = yield* admin.post("/tasks?project_slug=team-board", { title: "A" })
      const asked = yield* admin.send(
        "PATCH",
        `/tasks/${task.id}`,
        { title: "B" },
        { prefer: "respond-async" },
      )
      assert.strictEqual(asked.headers.get("preference-applied"), "respond-async")
      const read = yield* admin.get(`/tasks/${task.id}`, { "crewlog-min-seq": String(asked.seq) })
      assert.strictEqual(read.body.title, "B")
      const early = yield* admin.get("/tasks", { "crewlog-min-seq": "999999999" })
      assert.deepStrictEqual([early.status, early.body.code], [503, "read_model_behind"])
      assert.strictEqual(early.headers.get("retry-after"), "1")
      assert.strictEqual(early.body.wanted, 999999999)
      const garbled = yield* admin.get("/tasks", { "crewlog-min-seq": "x" })
      assert.deepStrictEqual([garbled.status, garbled.body.field], [400, "Crewlog-Min-Seq"])
    }),
  )

  it.effect("a member's version covers its presence, and still is a version of its configuration", () =>
    Effect.gen(function* () {
      const { admin, bob } = yield* Reading
      yield* bob.get("/me")
      const shown = yield* admin.get("/members/bob")
      const tag = shown.headers.get("etag") ?? ""
      assert.match(tag, new RegExp(`^"\\d+-${shown.body.status}"$`))
      const other = tag.replace(/-[a-z]+/, "-busy")
      assert.strictEqual((yield* admin.get("/members/bob", { "if-none-match": other })).status, 200)
      const change = (tags: string) => bob.send("PATCH", "/members/bob", { model: "m" }, { "if-match": tags })
      assert.strictEqual((yield* change(`"1-${shown.body.status}"`)).status, 412)
      assert.strictEqual((yield* change(tag)).status, 200)
    }),
  )

  it.effect("filters that contradict each other find nothing", () =>
    Effect.gen(function* () {
      const { admin, project } = yield* Reading
      const { body: other } = yield* admin.post("/projects", { name: "Other", slug: "other" })
      yield* admin.post("/tasks?project_slug=other", { title: "There" })
      yield* admin.post("/tasks?project_slug=team-board", { title: "Here" })
      const count = (query: string) => Effect.map(admin.get(`/tasks?${query}`), ({ body }) => body.length)
      assert.strictEqual(yield* count(`project_slug=other&project_id=${other.id}`), 1)
      assert.strictEqual(yield* count(`project_slug=other&project_id=${project.id}`), 0)
      assert.strictEqual(yield* count(`project_slug=nope&project_id=${project.id}`), 0)
    }),
  )

  it.effect("cursors that no page can have given are refused, and are no outage", () =>
    Effect.gen(function* () {
      const { admin, project } = yield* Reading
      const { body: task } = yield* admin.post("/tasks?project_slug=team-board", { title: "Here" })
      const id = task.id
      const cursor = (place: object) => Buffer.from(JSON.stringify(place)).toString("base64url")
      const wrong = [
        ...[2 ** 31, -(2 ** 31) - 1, 9e15].map(
          (position) => ["/tasks?", { position, number: 1, id }] as const,
        ),
        ...[0, -1, 2 ** 31, 9e15].map((number) => ["/tasks?", { position: 0, number, id }] as const),
        ...[-1, 32_768, 9e15].flatMap((idx) => [
          [`/messages?chat_id=${project.chat_id}&`, { seq: 1, idx }] as const,
          [`/tasks/${id}/history?`, { seq: 1, idx }] as const,
          [`/messages/${id}/replies?`, { seq: 1, idx }] as const,
        ]),
        [`/tasks/${id}/history?`, { seq: -1, idx: 0 }] as const,
        ["/members?", { slug: "NOT A SLUG" }] as const,
        ["/projects?", { seq: 1 }] as const,
      ]
      for (const [path, place] of wrong) {
        const { body, status } = yield* admin.get(`${path}cursor=${cursor(place)}`)
        const told = [status, body.code, body.errors[0].field]
        assert.deepStrictEqual(told, [400, "bad_parameter", "cursor"], `${path} ${JSON.stringify(place)}`)
      }
    }),
  )

  it.effect("the next page is asked for with the whole query, whatever stands in it", () =>
    Effect.gen(function* () {
      const { admin, project } = yield* Reading
      for (let n = 0; n < 5; n += 1) {
        yield* admin.post("/tasks?project_slug=team-board", { title: `${n}`, labels: ["why? & how=so #1"] })
        yield* admin.post("/tasks?project_slug=team-board", { title: `other ${n}`, labels: ["why"] })
      }
      const label = "why?%20%26%20how=so%20%231"
      const found = yield* pages(admin, `/tasks?label=${label}&project_id=${project.id}&limit=2`)
      assert.deepStrictEqual(
        found.map(({ length }) => length),
        [2, 2, 1],
      )
    }),
  )

  it.effect("headers that the document promises are sent", () =>
    Effect.gen(function* () {
      const { admin, project } = yield* Reading
      const { body: task } = yield* admin.post("/tasks?project_slug=team-board", { title: "Promised" })
      const { body: said } = yield* admin.post("/messages", { task_id: task.id, content: "x" })
      const document = (yield* new Rest(admin.url, "", "").get("/openapi.json")).body
      const needed: Record<string, string> = {
        "/api/v1/messages": `?chat_id=${project.chat_id}`,
        "/api/v1/feed": "?after=0",
      }
      for (const [path, { get }] of Object.entries<{ get?: { responses: Record<string, Promised> } }>(
        document.paths,
      )) {
        if (!path.startsWith("/api/v1/") || path.endsWith("/stream") || get === undefined) continue
        const id = path.includes("/messages/") ? said.id : task.id
        const slug = path.includes("/members/") ? "bob" : "team-board"
        const filled = path.replace("{id}", id).replace("{slug}", slug)
        const answer = yield* admin.get(filled.slice("/api/v1".length) + (needed[path] ?? ""))
        assert.strictEqual(answer.status, 200, path)
        const promised = Object.keys(get.responses["200"]?.headers ?? {}).filter((name) => name !== "Link")
        const missing = promised.filter((name) => !answer.headers.has(name))
        assert.deepStrictEqual(missing, [], path)
        assert.strictEqual(answer.headers.has("etag"), promised.includes("ETag"), path)
      }
    }),
  )

  it.effect("questions over REST refuse what is not there", () =>
    Effect.gen(function* () {
      const { admin } = yield* Reading
      const nowhere = "00000000-0000-4000-8000-000000000000"
      for (const [path, code] of [
        [`/tasks/${nowhere}`, "task_not_found"],
        [`/tasks/${nowhere}/steps`, "task_not_found"],
        [`/tasks/${nowhere}/history`, "task_not_found"],
        ["/projects/nope", "project_not_found"],
        ["/members/nope", "member_not_found"],
      ] as const) {
        const answer = yield* admin.get(path)
        assert.deepStrictEqual([answer.status, answer.body.code], [404, code])
      }
    }),
  )
})
