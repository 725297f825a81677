import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { routed } from "../../src/adapters/http/Api.ts"
import { routed as gatewayRouted } from "../../src/adapters/http/gateway/GatewayApi.ts"
import { isRouted, type Routed } from "../../src/adapters/http/placesOf.ts"
import { EventLog } from "../../src/domain/EventLog.ts"
import {
  type AnyOperation,
  crewOperations,
  gatewayOperations,
  operations,
} from "../../src/operations/operations.ts"
import { codesOf } from "../../src/operations/refusals.ts"
import { refusalsOf } from "../../src/operations/refusalsOf.ts"
import {
  type Answer,
  as,
  asAdmin,
  join,
  newProject,
  newTask,
  opened,
  request,
  requestAt,
} from "../adapters/http/client.ts"
import { ADMIN_TOKEN, door } from "../adapters/http/door.ts"
import { gateway, join as joinGateway, newBackend } from "../adapters/http/gateway/gatewayDoor.ts"
import { GatewayServer } from "../../src/adapters/http/gateway/GatewayServer.ts"
import { actorOf, callers, inputOf, type Things, type Verdicts, verdictsOf } from "./callers.ts"
import { requestOf } from "./rest.ts"

const head = Effect.flatMap(EventLog, (log) => Effect.map(log.head, ({ last }) => last))

const thingsOf = Effect.fnUntraced(function* (owner: string, token: string, fresh: string) {
  const make = as(token)
  const held = (yield* make("POST", "/tasks?project_slug=team-board", { title: "Held" })).body.id
  yield* make("POST", `/tasks/${held}/take`)
  yield* make("POST", `/tasks/${held}/watch`)
  const step = (yield* make("POST", `/tasks/${held}/steps`, { title: "Step" })).body.id
  const free = (yield* newTask("team-board")).id
  const chat = (yield* newProject(`chat-of-${fresh}`)).body.chat_id
  const message = (yield* make("POST", "/messages", { chat_id: chat, content: "hi" })).body.id
  const project = "team-board"
  return { owner, held, free, step, message, chat, project, backend: "", fresh } satisfies Things
})

const crew = Effect.gen(function* () {
  yield* newProject("team-board")
  const [own, foreign] = [yield* join("bob"), yield* join("eve")]
  const human = yield* join("hugo", { type: "human" })
  yield* join("cleo")
  const disabled = yield* join("dan")
  yield* asAdmin("PATCH", "/members/dan", { is_enabled: false })
  return { own, foreign, human, admin: ADMIN_TOKEN, disabled }
})

/** No refusal comes that the row does not name, and none records anything. */
const judged = (row: AnyOperation, at: "rest" | "gateway", answer: Answer, recorded: number) => {
  if (answer.status < 400) return
  assert.include(answer.headers.get("content-type"), "application/problem+json")
  assert.strictEqual(answer.body.status, answer.status)
  const codes = refusalsOf(row, at)
    .flatMap(codesOf)
    .map(({ code }) => code)
  assert.include(codes, answer.body.code, `${row.name} does not say that it may be refused so`)
  assert.strictEqual(recorded, 0, `${answer.body.code} is no refusal when something is recorded`)
}

const ask = Effect.fnUntraced(function* <Needs>(
  row: Routed<Needs> & AnyOperation,
  input: Readonly<Record<string, unknown>>,
  token: string | undefined,
) {
  const { body, method, path } = requestOf(row, input)
  const before = yield* head
  const answer = yield* (row.kind === "watch" ? opened : request)(method, path, { token, body })
  judged(row, "rest", answer, (yield* head) - before)
  return answer
})

/** Tables can't be asked in these tests: whoever is let through to them finds that out. */
const expectedOf = (
  row: Routed<unknown> & AnyOperation,
  verdicts: Verdicts,
  caller: (typeof callers)[number],
) => {
  const [, , status] = row.rest
  const refused = verdicts[caller]
  if (refused !== undefined) return refused
  return row.kind === "question" && row.from === "tables" && row.name !== "member.me"
    ? "read_model_unavailable"
    : status
}

const rows = operations.filter(isRouted)

describe("the rights of operations", () => {
  it("the table of operations has every route once, and every name once", () => {
    const routes = rows.map(({ rest: [method, path] }) => `${method} ${path}`)
    assert.strictEqual(new Set(routes).size, routes.length)
    assert.strictEqual(new Set(operations.map(({ name }) => name)).size, operations.length)
    assert.strictEqual(crewOperations.length + gatewayOperations.length, operations.length)
  })

  for (const row of routed) {
    it.live(`${row.name} is for whom its row says, over REST`, () =>
      Effect.gen(function* () {
        const { disabled, ...tokens } = yield* crew
        const about = yield* thingsOf("bob", tokens.own, "nobody")
        for (const [token, status, code] of [
          [undefined, 401, "unauthorized"],
          ["tb-nobody-s", 401, "unauthorized"],
          [disabled, 403, "member_disabled"],
        ] as const) {
          const answer = yield* ask(row, inputOf(row, about), token)
          assert.deepStrictEqual([answer.status, answer.body.code], [status, code])
          assert.strictEqual(answer.headers.has("www-authenticate"), status === 401)
        }
        for (const caller of ["foreign", "human", "own", "admin"] as const) {
          const own = yield* thingsOf("bob", tokens.own, `by-${caller}`)
          const answer = yield* ask(row, inputOf(row, own), tokens[caller])
          const got = answer.status < 400 ? answer.status : answer.body.code
          assert.strictEqual(
            got,
            expectedOf(row, verdictsOf[row.may.name], caller),
            `${caller} of ${row.name}`,
          )
          if (row.name === "member.rotate" && answer.status === 200) tokens.own = answer.body.token
        }
      }).pipe(Effect.provide(door())),
    )
  }

  for (const row of crewOperations.filter(({ may }) => may.name === "oneself, rights by admins")) {
    it(`${row.name} lets admins alone say who is an admin, or enabled`, () => {
      for (const change of [{ role: "admin" }, { is_enabled: false }]) {
        const refused = callers.map(
          (caller) => row.may.refusal({ slug: "bob", ...change }, actorOf(caller))?._tag,
        )
        assert.deepStrictEqual(refused, ["AdminsOnly", "AdminsOnly", "AdminsOnly", undefined])
      }
    })
  }

  for (const row of gatewayRouted) {
    it.live(`${row.name} is for admins, over REST`, () =>
      Effect.gen(function* () {
        const member = yield* joinGateway("bob")
        yield* joinGateway("ada")
        const { id: backend } = yield* newBackend()
        const things = {
          owner: "ada",
          backend,
          fresh: "one",
          held: "",
          free: "",
          step: "",
          message: "",
          chat: "",
          project: "",
        }
        const { url } = yield* GatewayServer
        const { body, method, path } = requestOf(row, inputOf(row, things))
        for (const [token, expected] of [
          [undefined, "unauthorized"],
          [member, "admins_only"],
        ] as const) {
          const before = yield* head
          const answer = yield* requestAt(url, method, path, { token, body })
          judged(row, "gateway", answer, (yield* head) - before)
          assert.strictEqual(answer.body.code, expected)
        }
        if (row.kind === "watch") return
        const before = yield* head
        const answer = yield* requestAt(url, method, path, { token: ADMIN_TOKEN, body })
        judged(row, "gateway", answer, (yield* head) - before)
        const isFound =
          answer.status < 400 ||
          ["read_model_unavailable", "option_not_found", "allowance_not_found"].includes(answer.body.code)
        assert.isTrue(isFound, JSON.stringify(answer.body))
      }).pipe(Effect.provide(gateway())),
    )
  }
})
