import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { WebSocket } from "ws"
import {
  type Client,
  closedWith,
  connect,
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

const status = (seq: number, slug: string) =>
  said(seq, null, { kind: "agent.status", audience: {}, payload: { slug, status: "busy" } })

describe("delivery", () => {
  live(
    "is of projects that are subscribed to, the lobby and presence, as the member listens at that moment",
    Effect.gen(function* () {
      const { enrol, publish } = yield* Surroundings
      const token = enrol(member("ada"))
      const client = yield* join(token, { projects: [project(1)] })
      publish(said(1, project(1)), said(2, project(2)), said(3, null), status(4, "bob"), status(5, "ada"))
      yield* until("status", () => client.seqs.includes(4))
      enrol(member("ada", { chat_listen: "mentions" }), token)
      publish(
        said(6, project(1)),
        said(7, null, { audience: { author: "bob", author_type: "agent", mentions: ["ada"] } }),
      )
      yield* until("mentioned", () => client.seqs.includes(7))
      client.send({ type: "project.unsubscribe", project_id: project(1) })
      enrol(member("ada"), token)
      yield* settled(client)
      publish(said(8, project(1)), said(9, null))
      yield* until("lobby", () => client.seqs.includes(9))
      assert.deepStrictEqual(client.seqs, [1, 3, 4, 7, 9])
      assert.deepStrictEqual(client.received[1], { type: "message.new", seq: 1, data: { id: "message-1" } })
    }),
  )

  live(
    "frames of one record share its seq and keep their order",
    Effect.gen(function* () {
      const { enrol, publish } = yield* Surroundings
      const client = yield* join(enrol(member("ada")))
      publish(said(1, null), said(1, null, { idx: 1 }), said(1, null, { idx: 2 }), said(2, null))
      yield* until("all", () => client.seqs.length === 4)
      assert.deepStrictEqual(
        client.received.slice(1).map(({ idx, seq }) => [seq, idx]),
        [
          [1, undefined],
          [1, 1],
          [1, 2],
          [2, undefined],
        ],
      )
    }),
  )

  live(
    "an agent is not sent its own message back, on any of its connections; a person is",
    Effect.gen(function* () {
      const { enrol, publish } = yield* Surroundings
      const token = enrol(member("ada"))
      const clients = [
        yield* join(token),
        yield* join(token),
        yield* join(enrol(member("eve", { type: "human" }))),
      ]
      publish(
        said(1, null, { audience: { author: "ada", author_type: "agent", mentions: ["ada"] } }),
        said(2, null, { audience: { author: "eve", author_type: "human", mentions: [] } }),
      )
      yield* until("all", () => clients.every(({ seqs }) => seqs.includes(2)))
      assert.deepStrictEqual(
        clients.map(({ seqs }) => seqs),
        [[2], [2], [1, 2]],
      )
    }),
  )

  live(
    "reads the feed once for all connections",
    Effect.gen(function* () {
      const { enrol, model, publish } = yield* Surroundings
      const clients = yield* Effect.forEach(
        Array.from({ length: 30 }, (_, n) => `a${n}`),
        (slug) => join(enrol(member(slug))),
      )
      const before = model.reads
      publish(said(1, null))
      yield* until("all", () => clients.every(({ seqs }) => seqs.length === 1))
      assert.isAtMost(model.reads - before, 2)
    }),
  )

  live(
    "comes within a second or so when the announcement is lost",
    Effect.gen(function* () {
      const { enrol, publishSilently } = yield* Surroundings
      const client = yield* join(enrol(member("ada")))
      publishSilently(said(1, null))
      yield* until("pushed", () => client.seqs.length === 1)
    }),
  )

  live(
    "goes on in order after the read model was away; connections stay",
    Effect.gen(function* () {
      const { announce, enrol, model, publish, publishSilently } = yield* Surroundings
      const client = yield* join(enrol(member("ada")))
      publish(said(1, null))
      yield* until("first", () => client.seqs.length === 1)
      model.isAway = true
      publishSilently(said(2, null), said(3, null))
      announce(3)
      yield* settled(client)
      assert.deepStrictEqual(client.seqs, [1])
      model.isAway = false
      yield* until("all", () => client.seqs.length === 3)
      assert.deepStrictEqual(client.seqs, [1, 2, 3])
    }),
  )

  live(
    "of more frames than a page holds keeps their order",
    Effect.gen(function* () {
      const { enrol, publish } = yield* Surroundings
      const client = yield* join(enrol(member("ada")))
      publish(...Array.from({ length: 1_700 }, (_, n) => said(n + 1, null)))
      yield* until("all", () => client.seqs.length === 1_700)
      assert.deepStrictEqual(
        client.seqs,
        Array.from({ length: 1_700 }, (_, n) => n + 1),
      )
    }),
  )
})

describe("joining", () => {
  live(
    "takes up exactly behind the welcome, whatever happens while it is on its way",
    Effect.gen(function* () {
      const { enrol, model, publish } = yield* Surroundings
      const others = yield* Effect.forEach(["bob", "zoe"], (slug) => join(enrol(member(slug))))
      const token = enrol(member("ada"))
      model.delays = [2, 9, 0, 4, 13, 1]
      let seq = 0
      const flow = Effect.forever(
        Effect.andThen(
          Effect.sync(() => publish(said(++seq, null))),
          Effect.sleep("1 millis"),
        ),
      )
      yield* Effect.forkScoped(flow)
      for (let n = 0; n < 25; n++) {
        const client = yield* join(token)
        const start = client.first["data"].seq
        yield* until("some", () => client.seqs.length >= 20)
        const { length } = client.seqs
        assert.deepStrictEqual(
          client.seqs,
          Array.from({ length }, (_, at) => start + 1 + at),
        )
        client.ws.terminate()
      }
      for (const { seqs } of others)
        assert.deepStrictEqual(
          seqs,
          Array.from({ length: seqs.length }, (_, at) => at + 1),
        )
    }),
  )
})

/** The positions of the messages that were pushed. */
const pushedTo = (client: Client) => client.of("message.new").map(({ seq }) => Number(seq))

describe("resume", () => {
  for (const when of ["at once", "when everything else was told"] as const) {
    live(
      `a project that is named ${when} is made up for: all that was missed of it, in order, then what comes`,
      Effect.gen(function* () {
        const { enrol, publish } = yield* Surroundings
        yield* found(1)
        const missed = Array.from({ length: 1_200 }, (_, n) => said(n + 1, n % 3 === 0 ? null : project(1)))
        publish(...missed)
        const client = yield* connect()
        const subscribe = { type: "project.subscribe", project_id: project(1), id: "s" }
        client.send({ type: "auth", token: enrol(member("ada")), resume: 100, epoch: "memory" })
        if (when === "at once") client.send(subscribe)
        else {
          yield* until("caught up", () => client.of("message.new").length === 366)
          client.send(subscribe)
        }
        publish(said(1_201, project(1)), said(1_202, null))
        yield* until("confirmed", () => client.of("project.subscribed").length === 1)
        publish(said(1_203, project(1)))
        yield* until("told of all", () => pushedTo(client).includes(1_203))
        const expected = missed.filter(({ seq }) => seq > 100)
        const ofProject = expected.filter(({ project_id }) => project_id !== null).map(({ seq }) => seq)
        const isOfProject = new Set([...ofProject, 1_201, 1_203])
        assert.deepStrictEqual(
          client.of("message.new").flatMap(({ seq }) => (isOfProject.has(seq) ? [seq] : [])),
          [...ofProject, 1_201, 1_203],
        )
        assert.deepStrictEqual(
          pushedTo(client).toSorted((one, other) => one - other),
          [...expected.map(({ seq }) => seq), 1_201, 1_202, 1_203],
        )
      }),
    )
  }

  live(
    "a project that was left and is named again begins anew",
    Effect.gen(function* () {
      const { enrol, publish } = yield* Surroundings
      yield* found(1)
      publish(said(1, null), said(2, project(1)))
      const client = yield* join(enrol(member("ada")), {
        resume: 1,
        epoch: "memory",
        projects: [project(1)],
      })
      yield* until("told", () => pushedTo(client).includes(2))
      client.send({ type: "project.unsubscribe", project_id: project(1), id: "u" })
      client.send({ type: "project.subscribe", project_id: project(1), id: "s" })
      yield* until("confirmed", () => client.of("project.subscribed").length === 1)
      publish(said(3, project(1)))
      yield* until("told again", () => pushedTo(client).includes(3))
      assert.deepStrictEqual(pushedTo(client), [2, 3])
    }),
  )

  live(
    "a project whose missed frames are gone by now is refused, and the connection goes on",
    Effect.gen(function* () {
      const { enrol, model, publish } = yield* Surroundings
      yield* found(1)
      publish(said(1, null), said(2, project(1)))
      const client = yield* join(enrol(member("ada")), { resume: 1, epoch: "memory" })
      yield* settled(client)
      model.kept = 2
      client.send({ type: "project.subscribe", project_id: project(1), id: "s" })
      yield* until("refused", () => client.of("error").length === 1)
      assert.strictEqual(client.of("error")[0]?.["code"], "position_expired")
      publish(said(3, project(1)), said(4, null))
      yield* until("told", () => pushedTo(client).includes(4))
      assert.deepStrictEqual(pushedTo(client), [4])
    }),
  )

  const away = Effect.gen(function* () {
    const { enrol, publish } = yield* Surroundings
    const token = enrol(member("ada"))
    const first = yield* join(token, { projects: [project(1)] })
    publish(said(1, project(1)), said(2, null))
    yield* until("both", () => first.seqs.length === 2)
    first.ws.terminate()
    publish(said(3, project(1)), said(4, project(2)), said(5, null), said(6, project(1)))
    return { token, publish }
  })

  live(
    "sends what was missed under the same filters, then goes live; the connection starts where it was",
    Effect.gen(function* () {
      const { publish, token } = yield* away
      const client = yield* join(token, { projects: [project(1)], resume: 2, epoch: "memory", id: 1 })
      yield* until("missed", () => client.seqs.length === 3)
      publish(said(7, null))
      yield* until("live", () => client.seqs.includes(7))
      assert.strictEqual(client.first["type"], "auth.ok")
      assert.strictEqual(client.first["data"].seq, 2)
      assert.deepStrictEqual(client.seqs, [3, 5, 6, 7])
    }),
  )

  live(
    "from the position of a heartbeat misses nothing and repeats nothing",
    Effect.gen(function* () {
      const { enrol, publish } = yield* Surroundings
      const token = enrol(member("ada"))
      const quiet = yield* join(token)
      publish(said(1, project(1)), said(2, project(2)))
      yield* until("position", () => {
        quiet.send({ type: "heartbeat", status: "online" })
        return quiet.of("heartbeat.ok").some(({ seq }) => seq === 2)
      })
      quiet.ws.terminate()
      publish(said(3, null))
      const client = yield* join(token, { resume: 2, epoch: "memory" })
      yield* until("missed", () => client.seqs.length === 1)
      assert.deepStrictEqual(client.seqs, [3])
    }),
  )

  live(
    "after a cut between two frames of one record goes on with the second",
    Effect.gen(function* () {
      const { enrol, publish } = yield* Surroundings
      const token = enrol(member("ada"))
      publish(
        said(1, null),
        said(2, null),
        said(2, null, { idx: 1 }),
        said(2, null, { idx: 2 }),
        said(3, null),
      )
      const client = yield* join(token, { resume: 2, idx: 0, epoch: "memory" })
      yield* until("missed", () => client.seqs.length === 3)
      assert.deepStrictEqual(
        client.received.slice(1).map(({ idx = 0, seq }) => [seq, idx]),
        [
          [2, 1],
          [2, 2],
          [3, 0],
        ],
      )
    }),
  )

  for (const [what, auth, kept, code] of [
    ["another log", { resume: 2, epoch: "another" }, 0, "epoch_mismatch"],
    ["no log named", { resume: 2 }, 0, "epoch_mismatch"],
    ["a position that is not there yet", { resume: 999, epoch: "memory" }, 0, "position_ahead"],
    ["a position older than what is kept", { resume: 2, epoch: "memory" }, 3, "position_expired"],
  ] as const) {
    live(
      `of ${what} is refused and starts live`,
      Effect.gen(function* () {
        const { publish, token } = yield* away
        const { model } = yield* Surroundings
        model.kept = kept
        const client = yield* join(token, { projects: [project(1)], ...auth })
        const { code: given, data, type } = client.first
        assert.deepStrictEqual([type, given, data.seq, data.slug], ["resume.failed", code, 6, "ada"])
        publish(said(7, project(1)))
        yield* until("live", () => client.seqs.length === 1)
        assert.deepStrictEqual(client.seqs, [7])
      }),
    )
  }

  live(
    "at a position that a rebuilt read model has not reached waits for it, without repeats",
    Effect.gen(function* () {
      const { announce, enrol, model, publishSilently } = yield* Surroundings
      const token = enrol(member("ada"))
      publishSilently(said(1, null))
      const client = yield* join(token, { resume: 1, epoch: "memory" })
      yield* settled(client)
      assert.deepStrictEqual(client.seqs, [])
      publishSilently(said(2, null))
      announce(model.seq)
      yield* until("live", () => client.seqs.length === 1)
      assert.deepStrictEqual(client.seqs, [2])
    }),
  )

  live(
    "between two frames of a record that the read model has lost in a crash does not repeat the first",
    Effect.gen(function* () {
      const { announce, enrol, model, publishSilently } = yield* Surroundings
      const client = yield* join(enrol(member("ada")), { resume: 1, idx: 0, epoch: "memory" })
      yield* settled(client)
      publishSilently(said(1, null), said(1, null, { idx: 1 }), said(2, null))
      announce(model.seq)
      yield* until("live", () => client.seqs.includes(2))
      assert.deepStrictEqual(
        client.received.filter(({ type }) => type === "message.new").map(({ idx = 0, seq }) => [seq, idx]),
        [
          [1, 1],
          [2, 0],
        ],
      )
    }),
  )

  live(
    "20 cuts while 2,000 messages flow lose nothing, repeat nothing and keep the order",
    Effect.gen(function* () {
      const { enrol, model, publish } = yield* Surroundings
      const token = enrol(member("ada", { chat_listen: "mentions" }))
      // Somebody else is live all the time, and answers are old when they arrive: joining has to catch up with the hub.
      const bystander = yield* join(enrol(member("zoe")))
      model.delays = [3, 0, 7, 1, 5, 2, 11]
      const total = 2_000
      const mentioned = (seq: number) => seq % 3 !== 0
      const heard: Array<string> = []
      let cursor = { resume: 0, idx: Number.MAX_SAFE_INTEGER }
      let client: Client | undefined
      const hear = (next: Client) => {
        next.ws.on("message", (data: Buffer) => {
          const { idx = 0, seq, type } = JSON.parse(data.toString())
          if (type !== "message.new" || next !== client) return
          heard.push(`${seq}.${idx}`)
          cursor = { resume: seq, idx }
        })
      }
      const reconnect = Effect.gen(function* () {
        const next = yield* connect()
        hear(next)
        client = next
        next.send({ type: "auth", token, projects: [project(1)], epoch: "memory", ...cursor })
      })
      yield* reconnect
      const flow = Effect.gen(function* () {
        for (let seq = 1; seq <= total; seq++) {
          const mentions = mentioned(seq) ? ["ada"] : []
          const audience = { author: "bob", author_type: "agent", mentions }
          const frame = said(seq, seq % 2 === 0 ? null : project(1), { audience })
          publish(frame, { ...frame, idx: 1 })
          if (seq % 10 === 0) yield* Effect.sleep("2 millis")
        }
      })
      const cuts = Effect.gen(function* () {
        for (let cut = 0; cut < 20; cut++) {
          const before = heard.length
          yield* until("some more", () => heard.length > before || cursor.resume >= total - 1)
          client?.ws.terminate()
          yield* reconnect
        }
      })
      yield* Effect.all([flow, cuts], { concurrency: "unbounded" })
      const expected = Array.from({ length: total }, (_, n) => n + 1)
        .filter(mentioned)
        .flatMap((seq) => [`${seq}.0`, `${seq}.1`])
      yield* until("everything", () => heard.length >= expected.length)
      assert.deepStrictEqual(heard, expected)
      const lobby = Array.from({ length: total / 2 }, (_, n) => [2 * n + 2, 2 * n + 2]).flat()
      yield* until("everything", () => bystander.seqs.length >= lobby.length)
      assert.deepStrictEqual(bystander.seqs, lobby)
    }),
  )
})

describe("closing", () => {
  live(
    "those who stayed while frames went for good are sent away: they can't be told without a gap",
    Effect.gen(function* () {
      const { enrol, model, publish, publishSilently } = yield* Surroundings
      const client = yield* join(enrol(member("ada")))
      publish(said(1, null))
      yield* until("first", () => client.seqs.length === 1)
      model.isAway = true
      publishSilently(said(2, null), said(3, null))
      model.kept = 2
      model.isAway = false
      assert.strictEqual(yield* closedWith(client), 1013)
      const again = yield* join("tb-ada", { resume: 1, epoch: "memory" })
      assert.strictEqual(again.first["code"], "position_expired")
    }),
  )

  live(
    "what is said on a socket that is being closed is not heard",
    Effect.gen(function* () {
      const { enrol } = yield* Surroundings
      const client = yield* join(enrol(member("ada")))
      const before = yield* logEnd
      const chat_id = yield* lobby
      client.ws.send(Buffer.from("binary"))
      for (let n = 0; n < 20; n++) client.send({ type: "chat.send", chat_id, content: "too late" })
      assert.strictEqual(yield* closedWith(client), 4400)
      assert.strictEqual(yield* logEnd, before)
    }),
  )

  live(
    "a token that is rotated closes its sockets with 4005 at once, a disabled member's likewise",
    Effect.gen(function* () {
      const { enrol } = yield* Surroundings
      const ada = [yield* join(enrol(member("ada"))), yield* join("tb-ada")]
      const bob = yield* join(enrol(member("bob")))
      const eve = yield* join(enrol(member("eve")))
      enrol(member("ada"), "tb-new")
      enrol(member("bob", { is_enabled: false }))
      assert.deepStrictEqual(yield* Effect.forEach([...ada, bob], closedWith), [4005, 4005, 4005])
      yield* settled(eve)
      assert.isUndefined(eve.closed)
      const again = yield* join("tb-ada")
      assert.strictEqual(yield* closedWith(again), 4401)
    }),
  )

  live(
    "who does not read is closed as slow with 1 MiB unsent, and the others go on",
    Effect.gen(function* () {
      const { enrol, publish } = yield* Surroundings
      const slow = yield* join(enrol(member("slow")))
      const quick = yield* join(enrol(member("quick")))
      slow.ws.pause()
      const content = "x".repeat(60_000)
      for (let seq = 1; seq <= 300; seq++) {
        publish(said(seq, null, { payload: { content } }))
        yield* until("quick", () => quick.seqs.length === seq)
      }
      slow.ws.resume()
      assert.strictEqual(yield* closedWith(slow), 4008)
      assert.isBelow(slow.seqs.length, 300)
      assert.deepStrictEqual(
        slow.seqs,
        Array.from({ length: slow.seqs.length }, (_, n) => n + 1),
      )
      const again = yield* join("tb-slow", { resume: slow.seqs.length, epoch: "memory" })
      yield* until("the rest", () => again.seqs.at(-1) === 300)
      assert.strictEqual(again.seqs.length + slow.seqs.length, 300)
    }),
  )

  for (const [what, frame] of [
    ["a binary frame", Buffer.from(`{"type":"ack"}`)],
    ["a frame over 64 KiB", JSON.stringify({ type: "ack", id: "x".repeat(65_536) })],
  ] as const) {
    live(
      `${what} closes with 4400`,
      Effect.gen(function* () {
        const { enrol } = yield* Surroundings
        const client = yield* join(enrol(member("ada")))
        client.ws.send(frame)
        assert.strictEqual(yield* closedWith(client), 4400)
      }),
    )
  }

  live(
    "bytes that are not UTF-8 close with 4400",
    Effect.gen(function* () {
      const { enrol } = yield* Surroundings
      const client = yield* join(enrol(member("ada")))
      client.ws.send(Buffer.from([0xff, 0xfe]), { binary: false })
      assert.strictEqual(yield* closedWith(client), 4400)
    }),
  )

  live(
    "who does not answer pings is closed with 4012",
    Effect.gen(function* () {
      const { enrol } = yield* Surroundings
      const client = yield* connect({ autoPong: false })
      client.send({ type: "auth", token: enrol(member("ada")) })
      const other = yield* join("tb-ada")
      assert.strictEqual(yield* closedWith(client), 4012)
      assert.isUndefined(other.closed)
    }),
    { CREWLOG_PING_INTERVAL: "60 millis", CREWLOG_PONG_TIMEOUT: "60 millis" },
  )

  live(
    "a page of another origin is closed with 4403; ours and programs are not",
    Effect.gen(function* () {
      const { enrol, port } = yield* Surroundings
      const token = enrol(member("ada"))
      const own = `http://127.0.0.1:${port}`
      for (const headers of [
        { Origin: "https://evil.example" },
        { Origin: "null" },
        { Origin: `http://127.0.0.1:${port + 1}` },
        { Origin: own, Host: "evil.example" },
      ]) {
        assert.strictEqual(yield* closedWith(yield* connect({ headers })), 4403, JSON.stringify(headers))
      }
      for (const headers of [
        {},
        { Origin: own },
        { Origin: `http://localhost:${port}` },
        { Origin: "https://crew.example" },
      ]) {
        const client = yield* connect({ headers: headers as Record<string, string> })
        client.send({ type: "auth", token })
        yield* until(`greeted ${JSON.stringify(headers)}`, () => client.first["type"] === "auth.ok")
      }
    }),
    { CREWLOG_ALLOWED_ORIGINS: "https://crew.example" },
  )

  live(
    "a member's 33rd connection is closed with 4404; another takes the place of one that ended",
    Effect.gen(function* () {
      const { enrol } = yield* Surroundings
      const token = enrol(member("ada"))
      const clients = yield* Effect.forEach(Array.from({ length: 32 }), () => join(token))
      const refused = yield* connect()
      refused.send({ type: "auth", token })
      assert.strictEqual(yield* closedWith(refused), 4404)
      clients[0]?.ws.close()
      yield* closedWith(clients[0] as Client)
      const next = yield* join(token)
      assert.strictEqual(next.first["type"], "auth.ok")
    }),
  )

  it.live("when the server stops, sockets are told with 4001 and new ones refused", () =>
    Effect.gen(function* () {
      const clients = yield* Effect.gen(function* () {
        const { enrol } = yield* Surroundings
        return [yield* join(enrol(member("ada"))), yield* join(enrol(member("bob"))), yield* connect()]
      }).pipe(Effect.provide(crew()))
      assert.deepStrictEqual(yield* Effect.forEach(clients, closedWith), [4001, 4001, 4001])
    }).pipe(Effect.scoped),
  )

  live(
    "what is not /ws is not upgraded",
    Effect.gen(function* () {
      const { port } = yield* Surroundings
      const status = yield* Effect.callback<number | undefined>((resume) => {
        const ws = new WebSocket(`ws://127.0.0.1:${port}/other`)
        ws.on("unexpected-response", (_request, response) => resume(Effect.succeed(response.statusCode)))
        ws.on("error", () => {})
      })
      assert.strictEqual(status, 404)
    }),
  )
})
