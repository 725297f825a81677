import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { isCallable } from "../../src/adapters/nats/agentCalls.ts"
import { isRouted } from "../../src/adapters/http/placesOf.ts"
import { operations } from "../../src/operations/operations.ts"
import { AgentCrew, agentOn, type AgentConnection, command } from "../support/agents.ts"
import { requestAt } from "../adapters/http/client.ts"
import { Socket } from "../support/Socket.ts"
import { inputOf, type Things } from "./callers.ts"
import { requestOf } from "./rest.ts"

type Input = Readonly<Record<string, unknown>>

/** A command's first answer, or the code of its refusal, whatever door it came by. */
interface Told {
  readonly code: string | undefined
  readonly seq: number
  readonly body: unknown
}

const rows = operations.filter(isRouted).filter((row) => row.kind === "command")
type Row = (typeof rows)[number]

interface House {
  readonly connection: AgentConnection
  readonly socket: Socket
  readonly url: string
  readonly gateway: string
  readonly token: string
}

type Door = (house: House, row: Row, input: Input, key: string) => Effect.Effect<Told>

const urlOf = ({ gateway, url }: House, path: string) => (path.startsWith("/api/v1/") ? url : gateway)

const send = (house: House, method: string, path: string, key: string, body: unknown) =>
  Effect.map(
    requestAt(urlOf(house, path), method, path, { token: house.token, key, body }),
    ({ body: answered, headers, status }): Told => ({
      code: status < 400 ? undefined : answered.code,
      seq: Number(headers.get("crewlog-seq")),
      body: answered === "" ? undefined : answered,
    }),
  )

const rest: Door = (house, row, input, key) => {
  const { body, method, path } = requestOf(row, input)
  return send(house, method, path, key, body)
}

/** The same request as another client writes it: a slash at the end, the keys of its JSON the other way round. */
const restOtherwise: Door = (house, row, input, key) => {
  const { body, method, path } = requestOf(row, input)
  const [before = "", query] = path.split("?", 2)
  const reversed = body === undefined ? undefined : Object.fromEntries(Object.entries(body).toReversed())
  return send(house, method, `${before}/${query === undefined ? "" : `?${query}`}`, key, reversed)
}

const nats: Door = ({ connection }, { name }, input, key) =>
  Effect.map(
    command(connection, `crew.cmd.admin.${name}`, input, { "Crew-Command": key }),
    ({ body, error, seq }): Told => ({ code: error?.split(":", 1)[0], seq, body }),
  )

let frames = 0
const webSocket: Door = ({ socket }, _row, input, idempotency_key) =>
  Effect.promise(async (): Promise<Told> => {
    const id = (frames += 1)
    socket.send({ type: "chat.send", id, ...input, idempotency_key })
    await socket.until("the answer", (all) => all.frames.some((frame) => frame["id"] === id))
    const answer = socket.frames.find((frame) => frame["id"] === id)
    return {
      code: answer?.["code"] as string | undefined,
      seq: Number(answer?.["position"]),
      body: answer?.data,
    }
  })

/** An input without the name of the caller, which is filled in. */
const withoutSelf = (row: Row, input: Input): Input => {
  if (row.may.name !== "oneself" || !("slug" in input) || input["slug"] !== "admin") return input
  const { slug: _own, ...others } = input
  return others
}

const TEXTS = ["title", "name", "content", "reason", "label", "prompt"] as const

/** Another meaning of a command under the same key, where one word makes it another. */
const otherMeaning = (input: Input): Input | undefined => {
  const field = TEXTS.find((name) => typeof input[name] === "string")
  return field === undefined ? undefined : { ...input, [field]: `${String(input[field])}, otherwise` }
}

const doorsOf = (row: Row): ReadonlyArray<Door> => [
  rest,
  nats,
  ...(row.name === "message.send" ? [webSocket] : []),
  restOtherwise,
]

const houseOf = Effect.gen(function* () {
  const { access, admin, node } = yield* AgentCrew
  const socket = yield* Effect.acquireRelease(
    Effect.sync(() => new Socket(node.url, { token: admin.token })),
    (socket) => Effect.sync(() => socket.cut()),
  )
  yield* Effect.promise(() => socket.frame("auth.ok"))
  return {
    connection: yield* agentOn(access, "admin", admin.token),
    socket,
    url: node.url,
    gateway: node.gateway,
    token: admin.token,
  } satisfies House
})

let made = 0
/** Things of the admin, or of a new member where the row is about members. */
const thingsFor = Effect.fnUntraced(function* ({ gateway, token }: House, row: Row) {
  const { admin } = yield* AgentCrew
  const fresh = `doors-${(made += 1)}`
  const { body: project } = yield* admin.post("/projects", { name: fresh, slug: `p-${fresh}` })
  const { body: task } = yield* admin.post(`/tasks?project_slug=p-${fresh}`, { title: "Held" })
  yield* admin.send("POST", `/tasks/${task.id}/take`)
  const { body: step } = yield* admin.post(`/tasks/${task.id}/steps`, { title: "Step" })
  const { body: free } = yield* admin.post(`/tasks?project_slug=p-${fresh}`, { title: "Free" })
  yield* admin.post("/members", { name: "Member", slug: `m-${fresh}`, type: "agent" })
  const { body: backend } = yield* requestAt(gateway, "POST", "/api/admin/backends", {
    token,
    body: { name: fresh, api_base_url: "https://one.example/v1", api_key: "sk-provider-0123456789abcdef" },
  })
  return {
    owner: row.may.name === "oneself" && row.name.startsWith("task.") ? "admin" : `m-${fresh}`,
    held: task.id,
    free: free.id,
    step: step.id,
    message: "",
    chat: project.chat_id,
    project: `p-${fresh}`,
    backend: backend.id,
    fresh: `f-${fresh}`,
  } satisfies Things
})

/** Some commands need something to undo. */
const prepare = Effect.fnUntraced(function* (house: House, row: Row, things: Things) {
  const at = (path: string, body: unknown) =>
    requestAt(house.gateway, "PUT", path, { token: house.token, body })
  if (row.name === "option.remove") yield* at("/api/admin/config/rpm_limit", { value: 55 + made })
  if (row.name === "allowance.remove") yield* at(`/api/admin/allowances/${things.owner}`, { usd_per_day: 1 })
})

const inputFor = (row: Row, things: Things): Input => {
  const input = inputOf(row, things)
  if (row.may.name === "holder") {
    return { ...input, ...("assignee_slug" in row.input ? { assignee_slug: "al" } : { slug: "al" }) }
  }
  return row.name === "message.send" ? { ...input, mentions: ["al"] } : input
}

layer(AgentCrew.layer, { excludeTestServices: true })("a command with a key", (it) => {
  it.effect("a command with a key may be any mutation, each of them by every door", () =>
    Effect.sync(() => {
      const mutations = operations.filter(({ kind }) => kind === "command").map(({ name }) => name)
      assert.deepStrictEqual(
        [...rows.map(({ name }) => name), "presence.report"].toSorted(),
        mutations.toSorted(),
      )
      assert.isTrue(rows.every(isCallable))
    }),
  )

  for (const row of rows) {
    const doors = doorsOf(row)
    for (const [turn, first] of doors.entries()) {
      it.effect(
        `${row.name} through door ${turn + 1} of ${doors.length} gets its first answer at every other`,
        () =>
          Effect.gen(function* () {
            const house = yield* houseOf
            const things = yield* thingsFor(house, row)
            yield* prepare(house, row, things)
            const input = inputFor(row, things)
            const key = `${row.name}-${made}`
            const answer = yield* first(house, row, input, key)
            assert.isUndefined(answer.code, JSON.stringify(answer.body))
            for (const door of [...doors, first]) {
              assert.deepStrictEqual(yield* door(house, row, input, key), answer)
              assert.deepStrictEqual(yield* door(house, row, withoutSelf(row, input), key), answer)
            }
            const other = otherMeaning(input)
            if (other === undefined) return
            for (const door of doors) {
              assert.strictEqual((yield* door(house, row, other, key)).code, "idempotency_key_reused")
            }
          }),
      )
    }
  }

  it.effect("that made a thing makes no other one of another name", () =>
    Effect.gen(function* () {
      const { admin } = yield* AgentCrew
      const key = { "Idempotency-Key": "one-of-its-kind" }
      for (const [path, one, other] of [
        ["/projects", { name: "One", slug: "only-one" }, { name: "Two", slug: "only-two" }],
        [
          "/members",
          { name: "One", slug: "member-one", type: "agent" },
          { name: "Two", slug: "member-two", type: "agent" },
        ],
      ] as const) {
        const own = { "Idempotency-Key": `${key["Idempotency-Key"]}${path}` }
        assert.strictEqual((yield* admin.post(path, one, own)).status, 201)
        const refused = yield* admin.post(path, other, own)
        assert.deepStrictEqual([refused.status, refused.body.code], [422, "idempotency_key_reused"])
        assert.strictEqual((yield* admin.get(`${path}/${other.slug}`)).status, 404)
        assert.strictEqual((yield* admin.post(path, one, own)).status, 201)
      }
    }),
  )

  it.effect("that changed nothing changes nothing later", () =>
    Effect.gen(function* () {
      const { admin } = yield* AgentCrew
      yield* admin.post("/projects", { name: "Still", slug: "still" })
      const { body: task } = yield* admin.post("/tasks?project_slug=still", { title: "Still" })
      const key = { "Idempotency-Key": "still-the-same" }
      const first = yield* admin.send("PATCH", `/tasks/${task.id}`, { title: "Still" }, key)
      yield* admin.send("PATCH", `/tasks/${task.id}`, { title: "Moved on" })
      const again = yield* admin.send("PATCH", `/tasks/${task.id}`, { title: "Still" }, key)
      assert.deepStrictEqual([again.status, again.seq, again.body], [first.status, first.seq, first.body])
      assert.strictEqual((yield* admin.get(`/tasks/${task.id}`)).body.title, "Moved on")
    }),
  )
})
