import { assert, layer } from "@effect/vitest"
import { connect, headers } from "@nats-io/transport-node"
import { Duration, Effect, Redacted } from "effect"
import { randomUUID } from "node:crypto"
import { AgentCrew, agentOn, type AgentConnection, command, raw, until } from "../../support/agents.ts"

/** The server's complaints against this connection, as they come. */
const complaints = (connection: AgentConnection) => {
  const said: Array<string> = []
  void (async () => {
    for await (const status of connection.status()) {
      if (status.type === "error") said.push(status.error.message)
    }
  })()
  return said
}

/** A record that only we make, and that pushes no frame: its position says how many there are. */
const mark = Effect.gen(function* () {
  const { admin } = yield* AgentCrew
  const changed = yield* admin.send("PATCH", "/projects/team-board", { description: randomUUID() })
  assert.strictEqual(changed.status, 200)
  return changed.seq
})

/** Runs an attack; then nothing may have come to the log between our own records. */
const unrecorded = <A, E, R>(attack: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const before = yield* mark
    const found = yield* attack
    assert.deepStrictEqual([yield* mark, yield* mark], [before + 1, before + 2])
    return found
  })

const asAl = Effect.gen(function* () {
  const { access, tokens } = yield* AgentCrew
  return yield* agentOn(access, "al", tokens.al)
})
const asBo = Effect.gen(function* () {
  const { access, tokens } = yield* AgentCrew
  return yield* agentOn(access, "bo", tokens.bo)
})

const rawAl = (lines: string) =>
  Effect.gen(function* () {
    const { access, tokens } = yield* AgentCrew
    return yield* raw(Redacted.value(access.backend), tokens.al, lines)
  })

const pub = (subject: string, payload: string, reply = "") =>
  `PUB ${subject} ${reply === "" ? "" : `${reply} `}${Buffer.byteLength(payload)}\r\n${payload}\r\n`

const newTask = Effect.gen(function* () {
  const { admin } = yield* AgentCrew
  return (yield* admin.post("/tasks?project_slug=team-board", { title: "Ship it" })).body as {
    readonly id: string
  }
})

layer(AgentCrew.layer, { excludeTestServices: true })("an agent on NATS", (it) => {
  it.effect("an agent gives its own commands", () =>
    Effect.gen(function* () {
      const al = yield* asAl
      const { id } = yield* newTask
      const taken = yield* command(al, "crew.cmd.al.task.take", { id })
      assert.isUndefined(taken.error)
      assert.strictEqual(taken.body.assignee_slug, "al")
      assert.strictEqual(taken.body.claim, taken.seq)
    }),
  )

  it.effect("an agent can't give another's", () =>
    Effect.gen(function* () {
      const al = yield* asAl
      const said = complaints(al)
      const { id } = yield* newTask
      yield* unrecorded(
        Effect.gen(function* () {
          al.publish("crew.cmd.bo.task.take", JSON.stringify({ id }))
          al.publish("crew.cmd.admin.task.remove", JSON.stringify({ id }))
          al.publish("crew.cmd.crewlog.task.remove", JSON.stringify({ id }))
          yield* until("three complaints", () => said.length === 3)
        }),
      )
      for (const text of said) assert.include(text, "Permissions Violation for Publish")
    }),
  )

  it.effect("an agent can't act as another by what it sends", () =>
    Effect.gen(function* () {
      const al = yield* asAl
      const { id } = yield* newTask
      const { tokens } = yield* AgentCrew
      yield* unrecorded(
        Effect.gen(function* () {
          const taken = yield* command(al, "crew.cmd.al.task.take", { id, slug: "bo" })
          assert.strictEqual(taken.status, 403)
          assert.strictEqual(taken.body.code, "not_yourself")
          const claims = {
            "Nats-Request-Info": '{"user":"admin"}',
            "Crew-Actor": "admin",
            authorization: tokens.bo,
          }
          const made = yield* command(
            al,
            "crew.cmd.al.project.create",
            { name: "X", slug: "x", actor: "admin" },
            claims,
          )
          assert.strictEqual(made.body.code, "admins_only")
          const rotated = yield* command(al, "crew.cmd.al.member.rotate", { slug: "admin" })
          assert.strictEqual(rotated.body.code, "not_yourself")
          const promoted = yield* command(al, "crew.cmd.al.member.change", { slug: "al", role: "admin" })
          assert.strictEqual(promoted.body.code, "admins_only")
        }),
      )
    }),
  )

  it.effect("an agent can't have us write what it wants by naming a reply subject", () =>
    Effect.gen(function* () {
      const al = yield* asAl
      const bo = yield* asBo
      const { project } = yield* AgentCrew
      const heard: Array<string> = []
      bo.subscribe("crew.live.>", { callback: (_, message) => void heard.push(message.subject) })
      bo.subscribe("_INBOX_bo.>", { callback: () => {} })
      yield* Effect.promise(() => bo.flush())
      const { id } = yield* newTask
      yield* until("the task's frame", () => heard.length === 1)
      const targets = [
        `crew.evt.task.${id}`,
        "crew.sig.heartbeat.al",
        `crew.live.${project.id}.task.created`,
        "crew.cmd.bo.task.remove",
        "crew.cmd.admin.task.remove",
        "crew.projected",
        "$JS.API.STREAM.PURGE.CREW",
        "$SYS.REQ.USER.AUTH",
      ]
      yield* unrecorded(
        Effect.gen(function* () {
          for (const reply of targets) {
            // Changes nothing, and its answer has the task's id: as good as a forged command gets.
            al.publish("crew.cmd.al.task.change", JSON.stringify({ id }), { reply })
            al.publish("crew.cmd.al.task.take", JSON.stringify({ id, slug: "bo" }), { reply })
            al.publish("$SRV.PING", "", { reply })
            al.publish("$SRV.INFO.crewlog", "", { reply })
          }
          yield* Effect.promise(() => al.flush())
          yield* command(al, "crew.cmd.al.task.change", { id })
        }),
      )
      assert.deepStrictEqual(heard, [`crew.live.${project.id}.task.created`])
    }),
  )

  it.effect("an agent is not taken for one who comes from elsewhere than the agents' account", () =>
    Effect.gen(function* () {
      const { access } = yield* AgentCrew
      const { pass, url, user } = Redacted.value(access.backend)
      const inside = yield* Effect.acquireRelease(
        Effect.promise(() => connect({ servers: url, user: user!, pass: pass! })),
        (connection) => Effect.promise(() => connection.close()),
      )
      const { id } = yield* newTask
      const taken = yield* unrecorded(command(inside, "crew.cmd.al.task.take", { id }))
      assert.strictEqual(taken.body.code, "unauthorized")
    }),
  )

  it.effect("an agent can't name the server's own reply subjects", () =>
    Effect.gen(function* () {
      const said = yield* unrecorded(
        rawAl(
          pub("crew.cmd.al.task.change", "{}", "_R_.abc.def") +
            pub("crew.cmd.al.task.change", "{}", "$JS.ACK.x"),
        ),
      )
      assert.include(said, "Permissions Violation for Publish with Reply")
    }),
  )

  it.effect("an agent can't ask JetStream, the system or the log anything", () =>
    Effect.gen(function* () {
      const al = yield* asAl
      const said = complaints(al)
      const subjects = [
        "$JS.API.INFO",
        "$JS.API.STREAM.INFO.CREW",
        "$JS.API.STREAM.PURGE.CREW",
        "$JS.API.STREAM.DELETE.CREW",
        "$JS.API.STREAM.MSG.GET.CREW",
        "$JS.API.DIRECT.GET.CREW",
        "$JS.API.CONSUMER.CREATE.CREW",
        "$KV.crew_secrets.x",
        "$SYS.REQ.USER.AUTH",
        "$SYS.REQ.USER.INFO",
        "$SYS.REQ.SERVER.PING.CONNZ",
        "$SYS.REQ.ACCOUNT.PING.CONNZ",
        "$SRV.PING.other",
        "$SRV.STOP",
        "crew.sys.connz",
        "crew.evt.task.x",
        "crew.sig.heartbeat.al",
        "crew.projected",
        "_INBOX_bo.x",
        "_INBOX.x",
      ]
      yield* unrecorded(
        Effect.gen(function* () {
          for (const subject of subjects) al.publish(subject, "{}", { reply: "_INBOX_al.x" })
          yield* until("as many complaints", () => said.length === subjects.length)
        }),
      )
      for (const [index, text] of said.entries()) assert.include(text, `Publish to "${subjects[index]}"`)
    }),
  )

  it.effect("an agent hears nobody's answers but its own, nor the log", () =>
    Effect.gen(function* () {
      const subjects = [
        "_INBOX_bo.>",
        "_INBOX.>",
        "*.>",
        ">",
        "crew.>",
        "crew.*.>",
        "crew.evt.>",
        "crew.cmd.>",
        "crew.cmd.al.>",
        "crew.void.>",
        "$SYS.>",
        "$JS.>",
        "$SRV.>",
        "_R_.>",
      ]
      const said = yield* rawAl(subjects.map((subject, sid) => `SUB ${subject} ${sid}\r\n`).join(""))
      for (const subject of subjects) {
        assert.include(said, `Permissions Violation for Subscription to "${subject}"`)
      }
    }),
  )

  it.effect("an agent can't pass something for a live frame", () =>
    Effect.gen(function* () {
      const al = yield* asAl
      const bo = yield* asBo
      const said = complaints(al)
      const { admin, project } = yield* AgentCrew
      const heard: Array<string> = []
      bo.subscribe("crew.live.>", { callback: (_, message) => void heard.push(message.string()) })
      yield* Effect.promise(() => bo.flush())
      yield* unrecorded(
        Effect.gen(function* () {
          al.publish(`crew.live.${project.id}.message.new`, '{"type":"message.new","seq":1}')
          al.publish("crew.live._.agent.status", '{"type":"agent.status","seq":1}')
          yield* until("complaints", () => said.length === 2)
        }),
      )
      assert.deepStrictEqual(heard, [])
      yield* admin.post("/messages", { chat_id: project.chat_id, content: "a real one" })
      yield* until("a real one", () => heard.length > 0)
      assert.include(heard[0], "a real one")
    }),
  )

  it.effect("gets nowhere with wildcards and dots", () =>
    Effect.gen(function* () {
      const al = yield* asAl
      yield* unrecorded(
        Effect.gen(function* () {
          const said = yield* rawAl(
            [
              "crew.cmd.*.task.take",
              "crew.cmd.>",
              "crew.cmd.a*.task.take",
              "crew.cmd.bo.>",
              "crew.cmd..task.take",
            ]
              .map((subject) => pub(subject, "{}"))
              .join(""),
          )
          assert.strictEqual(
            said.match(/Permissions Violation for Publish|Invalid Publish Subject/g)?.length,
            5,
            said,
          )
          for (const id of ["*", ">", "a.b", "..", "\u0000", "", "../x", "x".repeat(5_000)]) {
            const taken = yield* command(al, "crew.cmd.al.task.take", { id })
            assert.strictEqual(taken.status, 422, id)
            const sent = yield* command(al, "crew.cmd.al.message.send", { chat_id: id, content: "x" })
            assert.strictEqual(sent.status, 422, id)
          }
          const created = yield* command(al, "crew.cmd.al.task.create", {
            project_slug: "crew.evt.*",
            title: "x",
          })
          assert.strictEqual(created.status, 422)
          const key = { "Crew-Command": "a b\tc" }
          const keyed = yield* command(
            al,
            "crew.cmd.al.task.create",
            { project_slug: "team-board", title: "x" },
            key,
          )
          assert.strictEqual(keyed.status, 400)
        }),
      )
    }),
  )

  it.effect(
    "cuts only itself off with a subject that is too long, and is told nobody is there for others",
    () =>
      Effect.gen(function* () {
        const said = yield* unrecorded(
          Effect.gen(function* () {
            const tooLong = yield* rawAl(pub(`crew.cmd.al.${"x".repeat(5_000)}`, "{}"))
            const long = yield* rawAl(
              `SUB _INBOX_al.1 1\r\n${pub(`crew.cmd.al.${"x".repeat(3_000)}`, "{}", "_INBOX_al.1")}`,
            )
            return { tooLong, long }
          }),
        )
        assert.include(said.tooLong, "maximum control line exceeded")
        assert.include(said.long, "NATS/1.0 503")
        const { admin } = yield* AgentCrew
        assert.strictEqual((yield* admin.get("/me")).status, 200)
      }),
  )

  it.effect("an agent can't have its messages traced to where it may not write", () =>
    Effect.gen(function* () {
      const al = yield* asAl
      const { id } = yield* newTask
      yield* unrecorded(
        Effect.promise(async () => {
          const head = headers()
          head.set("Nats-Trace-Dest", `crew.evt.task.${id}`)
          al.publish("crew.cmd.al.task.change", JSON.stringify({ id }), { headers: head })
          await al.flush()
        }),
      )
    }),
  )

  it.effect("an agent is refused what is no JSON, too deep or too much, and told why", () =>
    Effect.gen(function* () {
      const al = yield* asAl
      const codes = yield* unrecorded(
        Effect.forEach(["", "no", "[".repeat(40), '{"id":"\\ud800"}', "[]", "null"], (payload) =>
          Effect.map(command(al, "crew.cmd.al.task.take", payload), ({ body }) => body.code as string),
        ),
      )
      assert.deepStrictEqual(codes, [
        "malformed_json",
        "malformed_json",
        "malformed_json",
        "invalid_input",
        "invalid_input",
        "invalid_input",
      ])
    }),
  )

  it.effect("an agent does not get in without a token that counts", () =>
    Effect.gen(function* () {
      const { access, admin } = yield* AgentCrew
      const { body: made } = yield* admin.post("/members", { name: "Cy", slug: "cy", type: "agent" })
      const first = made.token as string
      yield* Effect.scoped(agentOn(access, "cy", first))
      const { body } = yield* admin.post("/members/cy/token")
      const enter = (token: string, more = {}) =>
        Effect.flip(Effect.scoped(agentOn(access, "cy", token, more)))
      const refusals = [
        yield* enter("tb-wrong"),
        yield* enter(first),
        yield* enter(""),
        yield* enter("x".repeat(2_000)),
      ]
      yield* admin.send("PATCH", "/members/cy", { is_enabled: false })
      refusals.push(yield* enter(body.token as string))
      for (const refusal of refusals) assert.include(refusal, "Authorization Violation")
      yield* admin.send("PATCH", "/members/cy", { is_enabled: true })
      const cy = yield* agentOn(access, "cy", body.token as string)
      // The password of any user will do as well: not every client has tokens.
      const other = yield* agentOn(access, "cy", "", {
        token: undefined,
        user: "x",
        pass: body.token as string,
      } as never)
      yield* Effect.promise(() => Promise.all([cy.flush(), other.flush()]))
    }),
  )

  it.effect("an agent is cut off at once when its token is changed or it is disabled", () =>
    Effect.gen(function* () {
      const { access, admin } = yield* AgentCrew
      const { body } = yield* admin.post("/members", { name: "Di", slug: "di", type: "agent" })
      const di = yield* agentOn(access, "di", body.token as string)
      const bystander = yield* asAl
      const rotated = yield* admin.post("/members/di/token")
      const [took] = yield* Effect.timed(until("cut off", () => di.isClosed()))
      assert.isBelow(Duration.toMillis(took), 2_000)
      const again = yield* agentOn(access, "di", rotated.body.token as string)
      yield* admin.send("PATCH", "/members/di", { is_enabled: false })
      yield* until("cut off", () => again.isClosed())
      assert.isFalse(bystander.isClosed())
      yield* Effect.promise(() => bystander.flush())
    }),
  )
})
