import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Api } from "../../../src/adapters/http/Api.ts"
import { EventLog } from "../../../src/domain/EventLog.ts"
import { as, asAdmin, join, newProject, newTask, opened, request } from "./client.ts"
import { ADMIN_TOKEN, door } from "./door.ts"

/** The things that a route is tried on: a task that `owner` made and holds, one that is free, and its parts. */
interface Things {
  readonly owner: string
  readonly held: string
  readonly free: string
  readonly step: string
  readonly lobby: string
  readonly message: string
  /** Never used before. */
  readonly fresh: string
}

/** The callers: an agent about its own or another's, a person and an admin about another agent's. */
const callers = ["own", "foreign", "human", "admin"] as const
type Expected = Record<(typeof callers)[number], number>
const all = (status: number): Expected => ({ own: status, foreign: status, human: status, admin: status })
const admins = (status: number): Expected => ({ ...all(403), admin: status })
const selfOrAdmin = (status: number): Expected => ({ ...admins(status), own: status })
/** Let through, to find that the read model is away. */
const read = all(503)

interface Row {
  readonly route: string
  readonly what?: string
  readonly path: (things: Things) => string
  readonly body?: (things: Things) => unknown
  readonly expected: Expected
}

const rows: ReadonlyArray<Row> = [
  { route: "GET /projects", path: () => "/projects", expected: read },
  { route: "GET /projects/:slug", path: () => "/projects/team-board", expected: read },
  {
    route: "POST /projects",
    path: () => "/projects",
    body: ({ fresh }) => ({ name: "New", slug: fresh }),
    expected: admins(201),
  },
  {
    route: "PATCH /projects/:slug",
    path: () => "/projects/team-board",
    body: ({ fresh }) => ({ name: fresh }),
    expected: admins(200),
  },
  { route: "GET /tasks", path: () => "/tasks", expected: read },
  { route: "GET /tasks/:id", path: ({ free }) => `/tasks/${free}`, expected: read },
  {
    route: "POST /tasks",
    path: () => "/tasks?project_slug=team-board",
    body: () => ({ title: "New" }),
    expected: all(201),
  },
  {
    route: "PATCH /tasks/:id",
    path: ({ held }) => `/tasks/${held}`,
    body: ({ fresh }) => ({ title: fresh }),
    expected: all(200),
  },
  {
    route: "PATCH /tasks/:id",
    what: "moving what is held",
    path: ({ held }) => `/tasks/${held}`,
    body: () => ({ assignee_slug: "cleo" }),
    expected: { ...all(200), foreign: 409 },
  },
  {
    route: "DELETE /tasks/:id",
    path: ({ held }) => `/tasks/${held}`,
    expected: { ...all(204), foreign: 403 },
  },
  {
    route: "POST /tasks/:id/take",
    path: ({ free, owner }) => `/tasks/${free}/take?slug=${owner}`,
    expected: selfOrAdmin(200),
  },
  {
    route: "POST /tasks/:id/take",
    what: "for oneself what is held",
    path: ({ held }) => `/tasks/${held}/take`,
    expected: { ...all(409), own: 200 },
  },
  {
    route: "POST /tasks/:id/reject",
    path: ({ held }) => `/tasks/${held}/reject`,
    body: ({ owner }) => ({ slug: owner, reason: "no" }),
    expected: selfOrAdmin(200),
  },
  {
    route: "POST /tasks/:id/assign",
    path: ({ held }) => `/tasks/${held}/assign`,
    body: () => ({ slug: "cleo" }),
    expected: { ...all(200), foreign: 409 },
  },
  {
    route: "POST /tasks/:id/watch",
    path: ({ free, owner }) => `/tasks/${free}/watch?slug=${owner}`,
    expected: selfOrAdmin(200),
  },
  {
    route: "DELETE /tasks/:id/watch",
    path: ({ held, owner }) => `/tasks/${held}/watch?slug=${owner}`,
    expected: selfOrAdmin(200),
  },
  { route: "GET /tasks/:id/steps", path: ({ held }) => `/tasks/${held}/steps`, expected: read },
  {
    route: "POST /tasks/:id/steps",
    path: ({ held }) => `/tasks/${held}/steps`,
    body: () => ({ title: "Look" }),
    expected: all(201),
  },
  {
    route: "PATCH /tasks/:id/steps/:step_id",
    path: ({ held, step }) => `/tasks/${held}/steps/${step}`,
    body: () => ({ done: true }),
    expected: all(200),
  },
  {
    route: "DELETE /tasks/:id/steps/:step_id",
    path: ({ held, step }) => `/tasks/${held}/steps/${step}`,
    expected: all(204),
  },
  { route: "GET /tasks/:id/history", path: ({ held }) => `/tasks/${held}/history`, expected: read },
  { route: "GET /tasks/:id/explain", path: ({ held }) => `/tasks/${held}/explain`, expected: read },
  { route: "GET /log", path: () => "/log", expected: admins(200) },
  { route: "GET /log/stream", path: () => "/log/stream?after=0", expected: admins(200) },
  { route: "GET /messages", path: ({ lobby }) => `/messages?chat_id=${lobby}`, expected: read },
  {
    route: "POST /messages",
    path: () => "/messages",
    body: ({ lobby }) => ({ chat_id: lobby, content: "hello" }),
    expected: all(201),
  },
  {
    route: "GET /messages/:id/replies",
    path: ({ message }) => `/messages/${message}/replies`,
    expected: read,
  },
  { route: "GET /members", path: () => "/members", expected: read },
  { route: "GET /feed", path: () => "/feed?after=0", expected: read },
  { route: "GET /members/:slug", path: ({ owner }) => `/members/${owner}`, expected: read },
  {
    route: "POST /members",
    path: () => "/members",
    body: ({ fresh }) => ({ name: "New", slug: fresh, type: "agent" }),
    expected: admins(201),
  },
  {
    route: "PATCH /members/:slug",
    path: ({ owner }) => `/members/${owner}`,
    body: ({ fresh }) => ({ prompt: fresh }),
    expected: selfOrAdmin(200),
  },
  {
    route: "PATCH /members/:slug",
    what: "becoming an admin",
    path: ({ owner }) => `/members/${owner}`,
    body: () => ({ role: "admin" }),
    expected: admins(200),
  },
  {
    route: "PATCH /members/:slug",
    what: "disabling",
    path: () => "/members/dora",
    body: () => ({ is_enabled: false }),
    expected: admins(200),
  },
  {
    route: "POST /members/:slug/token",
    path: ({ owner }) => `/members/${owner}/token`,
    expected: selfOrAdmin(200),
  },
  { route: "GET /me", path: () => "/me", expected: all(200) },
]

/** Made by `owner` itself, with its token. */
const things = Effect.fnUntraced(function* (owner: string, token: string, fresh: string) {
  const make = as(token)
  const held = (yield* make("POST", "/tasks?project_slug=team-board", { title: "Held" })).body.id
  yield* make("POST", `/tasks/${held}/take`)
  yield* make("POST", `/tasks/${held}/watch`)
  const step = (yield* make("POST", `/tasks/${held}/steps`, { title: "Step" })).body.id
  const free = (yield* newTask("team-board")).id
  const chat_id = (yield* newProject(`chat-of-${fresh}`)).body.chat_id
  const message = (yield* make("POST", "/messages", { chat_id, content: "hi" })).body.id
  return { owner, held, free, step, lobby: chat_id, message, fresh } satisfies Things
})

const head = Effect.flatMap(EventLog, (log) => Effect.map(log.head, ({ last }) => last))

const ask = Effect.fnUntraced(function* (
  { body, path, route }: Row,
  about: Things,
  token: string | undefined,
) {
  const [method = ""] = route.split(" ")
  const before = yield* head
  const answer = yield* (route.endsWith("/stream") ? opened : request)(method, `/api/v1${path(about)}`, {
    token,
    body: body?.(about),
  })
  const recorded = (yield* head) - before
  if (answer.status >= 400) {
    assert.include(answer.headers.get("content-type"), "application/problem+json")
    assert.strictEqual(answer.body.status, answer.status)
    assert.isString(answer.body.code)
    assert.strictEqual(recorded, 0, `${answer.body.code} is no refusal when something is recorded`)
  }
  return answer
})

const crew = Effect.gen(function* () {
  yield* newProject("team-board")
  const [bob, eve] = [yield* join("bob"), yield* join("eve")]
  const human = yield* join("hugo", { type: "human" })
  yield* join("cleo")
  yield* join("dora")
  const disabled = yield* join("dan")
  yield* asAdmin("PATCH", "/members/dan", { is_enabled: false })
  return { bob, eve, human, disabled }
})

describe("who may do what", () => {
  it("the right to every route is written down", () => {
    const routes = Object.values(Api.groups)
      .flatMap((group) => Object.values(group.endpoints))
      .map(({ method, path }) => `${method} ${path.replace(/\/$/, "")}`)
      .filter((route) => route.includes("/api/v1"))
      .map((route) => route.replace("/api/v1", ""))
    assert.sameMembers([...new Set(rows.map(({ route }) => route))], routes)
  })

  for (const row of rows) {
    it.live(`${row.route}${row.what === undefined ? "" : ` ${row.what}`}`, () =>
      Effect.gen(function* () {
        const { bob, disabled, eve, human } = yield* crew
        const about = yield* things("bob", bob, "nobody")
        const refused = [
          [yield* ask(row, about, undefined), 401, "unauthorized"],
          [yield* ask(row, about, "tb-nobody-s"), 401, "unauthorized"],
          [yield* ask(row, about, disabled), 403, "member_disabled"],
        ] as const
        for (const [answer, status, code] of refused) {
          assert.strictEqual(answer.status, status)
          assert.strictEqual(answer.body.code, code)
          assert.strictEqual(answer.headers.has("www-authenticate"), status === 401)
        }
        const tokens = { own: bob, foreign: eve, human, admin: ADMIN_TOKEN }
        for (const caller of ["foreign", "human", "own", "admin"] as const) {
          const own = yield* things("bob", tokens.own, `by-${caller}`)
          const answer = yield* ask(row, own, tokens[caller])
          assert.strictEqual(answer.status, row.expected[caller], `${caller}: ${JSON.stringify(answer.body)}`)
          if (row.route === "POST /members/:slug/token" && answer.status === 200)
            tokens.own = answer.body.token
        }
      }).pipe(Effect.provide(door())),
    )
  }
})
