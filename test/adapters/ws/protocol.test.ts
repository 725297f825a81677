import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import {
  connect,
  closedWith,
  crew,
  found,
  join,
  lobby,
  logEnd,
  member,
  type Needs,
  project,
  said,
  settled,
  Surroundings,
  until,
} from "./harness.ts"

const live = <A, E>(title: string, test: Effect.Effect<A, E, Needs>, env: Record<string, string> = {}) =>
  it.live(title, () => Effect.provide(Effect.scoped(test), crew(env)))

describe("auth", () => {
  live(
    "is answered with who one is, the lobby, the projects, who else is online, and where the connection starts",
    Effect.gen(function* () {
      const { enrol, model } = yield* Surroundings
      model.seq = 41
      enrol(member("bob"))
      const token = enrol(member("ada"))
      const client = yield* join(token, { id: "a1" })
      assert.deepStrictEqual(client.first, {
        type: "auth.ok",
        id: "a1",
        data: {
          slug: "ada",
          lobby_chat_id: yield* lobby,
          projects: [{ id: project(1), slug: "team-board", name: "Team Board" }],
          online: ["bob"],
          seq: 41,
          epoch: "memory",
        },
      })
    }),
  )

  for (const [what, frame, message] of [
    ["a wrong token", { type: "auth", token: "tb-wrong" }, "Invalid token"],
    ["another frame first", { type: "heartbeat", status: "online" }, "The first frame must be auth"],
    ["nonsense first", "{", "A frame is a JSON object with a type."],
  ] as const) {
    live(
      `refuses ${what} and closes with 4401`,
      Effect.gen(function* () {
        const client = yield* connect()
        client.send(frame)
        assert.strictEqual(yield* closedWith(client), 4401)
        assert.deepStrictEqual(client.received, [{ type: "auth.error", message }])
      }),
    )
  }

  live(
    "refuses a disabled member",
    Effect.gen(function* () {
      const { enrol } = yield* Surroundings
      const client = yield* join(enrol(member("ada", { is_enabled: false })))
      assert.strictEqual(yield* closedWith(client), 4401)
    }),
  )

  live(
    "must come in time, else 4402",
    Effect.gen(function* () {
      const client = yield* connect()
      assert.strictEqual(yield* closedWith(client), 4402)
      assert.deepStrictEqual(client.received, [])
    }),
    { CREWLOG_AUTH_TIMEOUT: "50 millis" },
  )

  live(
    "while the read model is away is answered with an error and 1013",
    Effect.gen(function* () {
      const { enrol, model } = yield* Surroundings
      model.isAway = true
      const client = yield* join(enrol(member("ada")))
      assert.strictEqual(yield* closedWith(client), 1013)
      assert.strictEqual(client.first["code"], "read_model_unavailable")
      assert.strictEqual(client.first["ref"], "auth")
    }),
  )

  live(
    "may be followed at once by frames, which wait for its answer",
    Effect.gen(function* () {
      const { enrol, publish } = yield* Surroundings
      const client = yield* connect()
      client.send({ type: "auth", token: enrol(member("ada")) })
      client.send({ type: "heartbeat", status: "busy", id: 7 })
      yield* until("both", () => client.received.length === 2)
      assert.deepStrictEqual(
        client.received.map(({ type }) => type),
        ["auth.ok", "heartbeat.ok"],
      )
      assert.strictEqual(client.received[1]?.["id"], 7)
      publish(said(1, null))
      yield* until("live", () => client.seqs.length === 1)
    }),
  )
})

describe("frames", () => {
  live(
    "heartbeats are passed on and answered with the position up to which everything was sent",
    Effect.gen(function* () {
      const { beats, enrol, publish } = yield* Surroundings
      const client = yield* join(enrol(member("ada")))
      publish(said(3, project(9)), said(5, null))
      yield* until("pushed", () => client.seqs.includes(5))
      client.send({ type: "heartbeat", status: "idle" })
      yield* until("answered", () => client.of("heartbeat.ok").length === 1)
      assert.strictEqual(client.of("heartbeat.ok")[0]?.["seq"], 5)
      assert.deepStrictEqual(beats, ["ada idle"])
    }),
  )

  live(
    "chat.send is answered with the message and where it stands",
    Effect.gen(function* () {
      const { enrol, seen } = yield* Surroundings
      const client = yield* join(enrol(member("ada", { name: "Ada" })))
      const chat_id = yield* lobby
      const before = yield* logEnd
      client.send({ type: "chat.send", id: "m1", chat_id, content: "hello", mentions: ["bob"] })
      yield* until("answered", () => client.received.length === 2)
      const { data, ...rest } = client.received[1] ?? {}
      assert.deepStrictEqual(rest, { type: "chat.sent", id: "m1", position: before + 1 })
      const { created_at, id, ...message } = data
      assert.deepStrictEqual(message, {
        chat_id,
        task_id: null,
        parent_id: null,
        author_type: "agent",
        author_slug: "ada",
        author_name: "Ada",
        content: "hello",
        mentions: ["bob"],
        voice_url: null,
        attachments: [],
      })
      assert.match(created_at, /Z$/)
      assert.match(id, /^[0-9a-f-]{36}$/)
      assert.isTrue(seen.has("ada"))
    }),
  )

  live(
    "chat.send keeps the order of one connection, and an idempotency key makes it happen once",
    Effect.gen(function* () {
      const { enrol } = yield* Surroundings
      const client = yield* join(enrol(member("ada")))
      const chat_id = yield* lobby
      for (let n = 0; n < 50; n++) client.send({ type: "chat.send", id: n, chat_id, content: `${n}` })
      for (const id of ["a", "b"])
        client.send({ type: "chat.send", id, chat_id, content: "once", idempotency_key: "k" })
      client.send({ type: "chat.send", id: "c", chat_id, content: "other", idempotency_key: "k" })
      yield* until("all answered", () => client.received.length === 54)
      const sent = client.of("chat.sent")
      assert.deepStrictEqual(
        sent.slice(0, 50).map(({ id }) => id),
        Array.from({ length: 50 }, (_, n) => n),
      )
      const positions = sent.map(({ position }) => position)
      assert.deepStrictEqual(
        positions,
        positions.toSorted((a, b) => a - b),
      )
      assert.strictEqual(sent[50]?.["data"].id, sent[51]?.["data"].id)
      assert.strictEqual(client.of("error")[0]?.["code"], "idempotency_key_reused")
    }),
  )

  live(
    "ack is accepted and does nothing",
    Effect.gen(function* () {
      const { enrol } = yield* Surroundings
      const client = yield* join(enrol(member("ada")))
      client.send({ type: "ack", id: 1 })
      yield* settled(client)
      assert.strictEqual(client.received.length, 2)
    }),
  )

  live(
    "subscriptions are confirmed to those who gave an id; at most 128",
    Effect.gen(function* () {
      const { enrol } = yield* Surroundings
      const all = Array.from({ length: 128 }, (_, n) => n)
      yield* Effect.forEach(all, found, { discard: true })
      const client = yield* join(enrol(member("ada")), { projects: all.map(project) })
      client.send({ type: "project.subscribe", project_id: project(200), id: "s" })
      yield* until("refused", () => client.of("error").length === 1)
      const { code, id, ref } = client.of("error")[0] ?? {}
      assert.deepStrictEqual([code, id, ref], ["too_many_subscriptions", "s", "project.subscribe"])
      client.send({ type: "project.unsubscribe", project_id: project(0), id: "u" })
      client.send({ type: "project.subscribe", project_id: project(1), id: "again" })
      yield* until("confirmed", () => client.of("project.subscribed").length === 1)
      assert.deepStrictEqual(client.of("project.unsubscribed")[0]?.["project_id"], project(0))
    }),
  )

  live(
    "a project that is not there can't be listened to",
    Effect.gen(function* () {
      const { enrol } = yield* Surroundings
      const client = yield* join(enrol(member("ada")))
      client.send({ type: "project.subscribe", project_id: project(77), id: "s" })
      yield* until("refused", () => client.of("error").length === 1)
      assert.strictEqual(client.of("error")[0]?.["code"], "project_not_found")
    }),
  )

  live(
    "projects of `auth` that are not there are told one by one",
    Effect.gen(function* () {
      const { enrol } = yield* Surroundings
      yield* found(2)
      const projects = [project(1), project(77), project(2), project(78)]
      const client = yield* join(enrol(member("ada")), { projects, id: "a" })
      yield* settled(client)
      assert.deepStrictEqual(
        client.of("error").map(({ code, data, id, ref }) => [code, id, ref, data.project_id]),
        [77, 78].map((n) => ["project_not_found", "a", "auth", project(n)]),
      )
      client.send({ type: "project.subscribe", project_id: project(2), id: "there" })
      yield* until("confirmed", () => client.of("project.subscribed").length === 1)
    }),
  )

  live(
    "answers come in the order of their frames, whatever each of them has to wait for",
    Effect.gen(function* () {
      const { enrol } = yield* Surroundings
      const chat_id = yield* lobby
      yield* found(2)
      const client = yield* connect()
      client.send({ type: "auth", token: enrol(member("ada")), id: 0 })
      for (let n = 1; n < 60; n += 6) {
        client.send({ type: "project.subscribe", project_id: project(2), id: n })
        client.send({ type: "project.unsubscribe", project_id: project(2), id: n + 1 })
        client.send({ type: "chat.send", chat_id, content: "hello", id: n + 2 })
        client.send({ type: "heartbeat", status: "busy", id: n + 3 })
        client.send({ type: "nonsense", id: n + 4 })
        client.send({ type: "project.subscribe", project_id: project(77), id: n + 5 })
      }
      yield* until("all answered", () => client.received.length === 61)
      assert.deepStrictEqual(
        client.received.map(({ id }) => id),
        Array.from({ length: 61 }, (_, n) => n),
      )
    }),
  )

  live(
    "more than the rate limit are refused, not heard",
    Effect.gen(function* () {
      const { beats, enrol } = yield* Surroundings
      const client = yield* join(enrol(member("ada")))
      for (let n = 0; n < 20; n++) client.send({ type: "heartbeat", status: "online" })
      yield* until("all answered", () => client.received.length === 21)
      assert.isAbove(client.of("error").length, 10)
      assert.strictEqual(client.of("error")[0]?.["code"], "too_many_requests")
      assert.strictEqual(beats.length, client.of("heartbeat.ok").length)
    }),
    { CREWLOG_RATE_LIMIT: "5" },
  )
})

describe("malformed frames", () => {
  const id = "00000000-0000-4000-8000-000000000001"
  const bad: ReadonlyArray<readonly [code: string, frame: unknown]> = [
    ["malformed_json", "nonsense"],
    ["malformed_json", "[]"],
    ["malformed_json", "null"],
    ["malformed_json", "7"],
    ["malformed_json", { kind: "heartbeat" }],
    ["malformed_json", { type: 7 }],
    ["malformed_json", `{"type":"heartbeat"`],
    ["malformed_json", "[".repeat(30_000)],
    ["unknown_frame", { type: "chat.delete" }],
    ["unknown_frame", { type: "__proto__" }],
    ["unknown_frame", { type: "x".repeat(60_000) }],
    ["invalid_input", { type: "heartbeat" }],
    ["invalid_input", { type: "heartbeat", status: "offline" }],
    ["invalid_input", { type: "heartbeat", status: "online", id: {} }],
    ["invalid_input", { type: "project.subscribe" }],
    ["invalid_input", { type: "project.subscribe", project_id: "crew.evt.>" }],
    ["invalid_input", { type: "project.subscribe", project_id: `${id}\0` }],
    ["invalid_input", { type: "project.unsubscribe", project_id: 7 }],
    ["invalid_input", { type: "chat.send", content: "nowhere" }],
    ["invalid_input", { type: "chat.send", chat_id: id, task_id: id, content: "twice" }],
    ["invalid_input", { type: "chat.send", chat_id: id }],
    ["invalid_input", { type: "chat.send", chat_id: id, content: "" }],
    ["invalid_input", { type: "chat.send", chat_id: id, content: " \n" }],
    ["invalid_input", { type: "chat.send", chat_id: id, content: "a\0b" }],
    ["invalid_input", `{"type":"chat.send","chat_id":"${id}","content":"a\\ud800b"}`],
    ["invalid_input", { type: "chat.send", chat_id: id, content: "x", mentions: ["Ada!"] }],
    ["invalid_input", { type: "chat.send", chat_id: id, content: "x", mentions: "ada" }],
    [
      "invalid_input",
      {
        type: "chat.send",
        chat_id: id,
        content: "x",
        mentions: Array.from({ length: 51 }, (_, n) => `m${n}`),
      },
    ],
    ["invalid_input", { type: "chat.send", chat_id: id, content: "x", parent_id: "*" }],
    ["invalid_input", { type: "chat.send", chat_id: id, content: "x", idempotency_key: "a b" }],
    ["chat_not_found", { type: "chat.send", chat_id: id, content: "x" }],
    ["task_not_found", { type: "chat.send", task_id: id, content: "x" }],
    ["already_authenticated", { type: "auth", token: "tb-ada" }],
  ]

  live(
    "get an error frame each; the connection stays, and nothing reaches the log",
    Effect.gen(function* () {
      const { enrol } = yield* Surroundings
      const client = yield* join(enrol(member("ada")))
      const before = yield* logEnd
      for (const [code, frame] of bad) {
        const errors = client.of("error").length
        client.send(frame)
        yield* until(
          `answered: ${JSON.stringify(frame).slice(0, 100)}`,
          () => client.of("error").length > errors,
        )
        assert.strictEqual(client.of("error").at(-1)?.["code"], code, JSON.stringify(frame).slice(0, 100))
      }
      yield* settled(client)
      assert.strictEqual(client.of("error").length, bad.length)
      assert.strictEqual(yield* logEnd, before)
      assert.isUndefined(client.closed)
    }),
  )

  live(
    "of random shape are answered or ignored, and never anything worse",
    Effect.gen(function* () {
      const { enrol } = yield* Surroundings
      const client = yield* join(enrol(member("ada")))
      const before = yield* logEnd
      const values = [
        null,
        "",
        0,
        -1,
        1e308,
        [],
        {},
        [[]],
        "\u0000",
        "x".repeat(1_000),
        { type: "auth" },
        true,
      ]
      const types = ["auth", "heartbeat", "project.subscribe", "project.unsubscribe", "chat.send", "", "x"]
      const keys = [
        "id",
        "status",
        "project_id",
        "chat_id",
        "task_id",
        "content",
        "mentions",
        "parent_id",
        "__proto__",
      ]
      let turn = 7
      const next = (bound: number) => (turn = (turn * 48_271) % 2_147_483_647) % bound
      for (let n = 0; n < 400; n++) {
        const fields = keys.filter(() => next(2) === 0).map((key) => [key, values[next(values.length)]])
        client.send(JSON.stringify({ ...Object.fromEntries(fields), type: types[next(types.length)] }))
      }
      yield* settled(client)
      assert.strictEqual(yield* logEnd, before)
      assert.isAbove(client.of("error").length, 100)
    }),
    { CREWLOG_RATE_LIMIT: "100000" },
  )
})
