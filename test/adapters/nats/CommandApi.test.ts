import { assert, layer } from "@effect/vitest"
import { jetstreamManager } from "@nats-io/jetstream"
import { connect } from "@nats-io/transport-node"
import { Effect, Redacted, Schema } from "effect"
import { type feedFrames, FrameBody } from "../../../src/operations/frames.ts"
import { Api } from "../../../src/adapters/http/Api.ts"
import { GatewayApi } from "../../../src/adapters/http/gateway/GatewayApi.ts"
import { isCallable } from "../../../src/adapters/nats/agentCalls.ts"
import { operations } from "../../../src/operations/operations.ts"
import { answerFrames } from "../../../src/adapters/ws/frameSchemas.ts"
import { AgentCrew, agentOn, type AgentConnection, command, until } from "../../support/agents.ts"
import { Socket } from "../../support/Socket.ts"
import { eventually } from "../../support/usage.ts"

const rows = operations.filter(isCallable)
const names = rows.map(({ name }) => name)
const commands = rows.filter(({ kind }) => kind === "command").map(({ name }) => name)

interface Interface {
  readonly groups: Readonly<
    Record<string, { readonly endpoints: Readonly<Record<string, Record<"identifier" | "path", string>>> }>
  >
}
const endpointsOf = ({ groups }: Interface) =>
  Object.values(groups).flatMap((group) => Object.values(group.endpoints))

const asAl = Effect.gen(function* () {
  const { access, tokens } = yield* AgentCrew
  return yield* agentOn(access, "al", tokens.al)
})
const asAdmin = Effect.gen(function* () {
  const { access, admin } = yield* AgentCrew
  return yield* agentOn(access, "admin", admin.token)
})

const every = (connection: AgentConnection, subject: string) =>
  Effect.promise(async () => {
    const answers: Array<ReturnType<typeof JSON.parse>> = []
    const options = { strategy: "stall", stall: 300, maxWait: 3_000 } as const
    for await (const message of await connection.requestMany(subject, "", options))
      answers.push(message.json())
    return answers
  })

/** Dies when a value is not what a schema says. */
const fits = (schema: Schema.Codec<unknown>, value: unknown) =>
  Effect.orDie(Schema.decodeUnknownEffect(schema)(value))

const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

layer(AgentCrew.layer, { excludeTestServices: true })("commands on NATS", (it) => {
  it.effect("operations on NATS are every mutation and every question that REST has", () =>
    Effect.sync(() => {
      const endpoints = [...endpointsOf(Api), ...endpointsOf(GatewayApi)]
      const routes = endpoints
        .filter(({ path }) => path.startsWith("/api/") && path !== "/api/v1/log/stream")
        .map(({ identifier }) => identifier)
      const own = ["presence.report", "member.welcome"]
      assert.deepStrictEqual([...routes, ...own].toSorted(), [...names].toSorted())
    }),
  )

  it.effect("operations on NATS do all that REST does, and answer with what their schema says", () =>
    Effect.gen(function* () {
      const admin = yield* asAdmin
      const done = new Set<string>()
      let newest = 0
      const give = Effect.fnUntraced(function* (name: string, payload: object) {
        const { body, error, seq } = yield* command(admin, `crew.cmd.admin.${name}`, payload)
        assert.isUndefined(error, `${name}: ${error}`)
        const output = rows.find((row) => row.name === name)?.output
        if (output === undefined) assert.isUndefined(body)
        else yield* fits(output as unknown as Schema.Codec<unknown>, body)
        assert.isAbove(seq, 0)
        newest = seq
        done.add(name)
        return body
      })
      const project = yield* give("project.create", { name: "On NATS", slug: "on-nats" })
      assert.strictEqual((yield* give("project.change", { slug: "on-nats", name: "Still" })).name, "Still")
      const { member, token } = yield* give("member.register", { name: "Eve", slug: "eve", type: "agent" })
      assert.strictEqual(member.slug, "eve")
      assert.strictEqual(
        (yield* give("member.change", { slug: "eve", task_listen: "none" })).task_listen,
        "none",
      )
      assert.notStrictEqual((yield* give("member.rotate", { slug: "eve" })).token, token)
      const { id } = yield* give("task.create", { project_slug: "on-nats", title: "One", labels: ["a"] })
      assert.strictEqual((yield* give("task.change", { id, title: "Two" })).title, "Two")
      assert.strictEqual((yield* give("task.take", { id })).assignee_slug, "admin")
      assert.isNull((yield* give("task.reject", { id, reason: "no time" })).assignee_slug)
      assert.strictEqual((yield* give("task.assign", { id, slug: "eve" })).assignee_slug, "eve")
      assert.deepStrictEqual((yield* give("task.watch", { id, slug: "eve" })).watchers, ["eve"])
      assert.deepStrictEqual((yield* give("task.unwatch", { id, slug: "eve" })).watchers, [])
      const step = yield* give("task.step.add", { id, title: "First" })
      assert.isTrue((yield* give("task.step.change", { id, step_id: step.id, done: true })).done)
      yield* give("task.step.remove", { id, step_id: step.id })
      const said = yield* give("message.send", { task_id: id, content: "hello" })
      assert.strictEqual(said.author_slug, "admin")
      yield* give("task.remove", { id })
      yield* give("presence.report", { status: "busy" })
      const backend = yield* give("backend.register", {
        name: "one",
        api_base_url: "https://one.example/v1",
        api_key: "sk-provider-0123456789abcdef",
      })
      assert.strictEqual((yield* give("backend.change", { id: backend.id, label: "first" })).label, "first")
      yield* give("backend.rotate", { id: backend.id, api_key: "sk-provider-fedcba9876543210" })
      assert.isFalse((yield* give("backend.disable", { id: backend.id })).enabled)
      assert.isTrue((yield* give("backend.enable", { id: backend.id })).enabled)
      yield* give("backend.remove", { id: backend.id })
      assert.strictEqual((yield* give("option.set", { key: "queue_depth", value: 7 })).value, 7)
      yield* give("option.remove", { key: "queue_depth" })
      assert.strictEqual((yield* give("allowance.set", { slug: "eve", usd_per_day: 5 })).usd_per_day, 5)
      yield* give("allowance.remove", { slug: "eve" })
      assert.deepStrictEqual([...done].toSorted(), commands.toSorted())
      const rest = yield* AgentCrew
      const read = (path: string) => rest.admin.get(path, { "Crewlog-Min-Seq": String(newest) })
      assert.strictEqual((yield* read("/projects/on-nats")).body.id, project.id)
      // Reports are passed on in the background, a quarter of a second after the sign of life before.
      const status = Effect.map(read("/members/admin"), ({ body }) => body.status)
      assert.strictEqual(yield* eventually(status, (shown) => shown === "busy"), "busy")
    }),
  )

  it.effect(
    "operations on NATS answer a repeat as the first time, by NATS or REST names of the key, and refuse another body",
    () =>
      Effect.gen(function* () {
        const al = yield* asAl
        const task = { project_slug: "team-board", title: "Once" }
        const first = yield* command(al, "crew.cmd.al.task.create", task, { "Nats-Msg-Id": "key-1" })
        const again = yield* command(al, "crew.cmd.al.task.create", task, { "Crew-Command": "key-1" })
        assert.deepStrictEqual([again.seq, again.body], [first.seq, first.body])
        const other = yield* command(
          al,
          "crew.cmd.al.task.create",
          { ...task, title: "Twice" },
          { "Crew-Command": "key-1" },
        )
        assert.strictEqual(other.status, 422)
        assert.include(other.error, "idempotency_key_reused: ")
      }),
  )

  it.effect("operations on NATS are refused as REST refuses them", () =>
    Effect.gen(function* () {
      const al = yield* asAl
      const { admin } = yield* AgentCrew
      const { body: task } = yield* admin.post("/tasks?project_slug=team-board", { title: "Held" })
      yield* admin.post(`/tasks/${task.id}/take`)
      const refused = yield* command(al, "crew.cmd.al.task.take", { id: task.id })
      assert.strictEqual(refused.header("Nats-Service-Error-Code"), "409")
      assert.strictEqual(refused.header("Nats-Service-Error"), "task_already_taken: admin holds the task.")
      const { tokens, node } = yield* AgentCrew
      const inRest = yield* Effect.promise(async () => {
        const answer = await fetch(`${node.url}/api/v1/tasks/${task.id}/take`, {
          method: "POST",
          headers: { authorization: `Bearer ${tokens.al}` },
        })
        return { status: answer.status, body: await answer.json() }
      })
      assert.deepStrictEqual(inRest, { status: 409, body: refused.body })
    }),
  )

  it.effect("operations on NATS are fenced by claim and version", () =>
    Effect.gen(function* () {
      const al = yield* asAl
      const task = (yield* command(al, "crew.cmd.al.task.create", { project_slug: "team-board", title: "x" }))
        .body
      const { body, seq } = yield* command(al, "crew.cmd.al.task.take", { id: task.id })
      const change = (more: Record<string, string>) =>
        command(al, "crew.cmd.al.task.change", { id: task.id, title: "y" }, more)
      assert.strictEqual((yield* change({ "Crewlog-Claim": String(body.claim - 1) })).status, 409)
      assert.strictEqual((yield* change({ "If-Match": `"${seq - 1}"` })).status, 412)
      assert.isUndefined(
        (yield* change({ "If-Match": `"${seq}"`, "Crewlog-Claim": String(body.claim) })).status,
      )
    }),
  )

  it.effect("carry their trace to the record and back", () =>
    Effect.gen(function* () {
      const al = yield* asAl
      const { access } = yield* AgentCrew
      const task = { project_slug: "team-board", title: "Traced" }
      const answer = yield* command(al, "crew.cmd.al.task.create", task, { traceparent })
      assert.strictEqual(answer.header("traceparent"), traceparent)
      const { pass, url, user } = Redacted.value(access.setup)
      const record = yield* Effect.promise(async () => {
        const connection = await connect({ servers: url, user: user!, pass: pass! })
        const found = await (
          await jetstreamManager(connection)
        ).streams.getMessage("CREW", { seq: answer.seq })
        await connection.close()
        return found
      })
      assert.strictEqual(record?.header.get("traceparent"), traceparent)
      assert.strictEqual(record?.header.get("Crew-Actor"), "al")
    }),
  )

  it.effect("operations on NATS are found by the discovery of NATS services, with their schemas", () =>
    Effect.gen(function* () {
      const al = yield* asAl
      const [ping, ...more] = yield* every(al, "$SRV.PING")
      assert.strictEqual(ping.type, "io.nats.micro.v1.ping_response")
      assert.strictEqual(ping.name, "crewlog")
      assert.match(ping.version, /^\d+\.\d+\.\d+$/)
      assert.lengthOf(more, 0)
      const [info] = yield* every(al, "$SRV.INFO.crewlog")
      assert.strictEqual(info.type, "io.nats.micro.v1.info_response")
      assert.deepStrictEqual(
        info.endpoints.map(({ subject }: { readonly subject: string }) => subject).toSorted(),
        names.map((name) => `crew.cmd.*.${name}`).toSorted(),
      )
      for (const { metadata, name } of info.endpoints) {
        assert.match(name, /^[\w-]+$/)
        const request = JSON.parse(metadata.request)
        assert.strictEqual(request.$schema, "https://json-schema.org/draft/2020-12/schema")
        assert.isTrue(request.type === "object" || request.$ref !== undefined, name)
      }
      const [before] = yield* every(al, `$SRV.STATS.crewlog.${ping.id}`)
      yield* command(al, "crew.cmd.al.task.take", { id: "no" })
      const [after] = yield* every(al, `$SRV.STATS.crewlog.${ping.id}`)
      const take = (stats: typeof before) =>
        stats.endpoints.find(({ name }: { readonly name: string }) => name === "task-take")
      assert.strictEqual(take(after).num_requests, take(before).num_requests + 1)
      assert.strictEqual(take(after).num_errors, take(before).num_errors + 1)
      assert.strictEqual(take(after).last_error, "invalid_input")
      assert.isAbove(take(after).average_processing_time, 0)
    }),
  )

  it.effect(
    "and WebSocket hear the same frames, and the feed has them again under the caller's filters",
    () =>
      Effect.gen(function* () {
        const { admin, node, project, tokens } = yield* AgentCrew
        const al = yield* asAl
        const live: Array<{
          readonly subject: string
          readonly frame: { readonly seq: number; readonly type: string }
        }> = []
        al.subscribe("crew.live.>", {
          callback: (_, message) => void live.push({ subject: message.subject, frame: message.json() }),
        })
        yield* Effect.promise(() => al.flush())
        const socket = new Socket(node.url, { token: tokens.bo, projects: [project.id], id: 1 })
        const greeting = yield* Effect.promise(() => socket.frame("auth.ok"))
        const from = greeting.data.seq as number
        const made = yield* admin.post("/tasks?project_slug=team-board", { title: "Heard" })
        yield* admin.post(`/tasks/${made.body.id}/take`)
        yield* admin.post("/messages", { chat_id: project.chat_id, content: "for al", mentions: ["al"] })
        const last = yield* admin.post("/messages", { task_id: made.body.id, content: "on the task" })
        const isLast = ({ seq }: { readonly seq?: number }) => seq === last.seq
        yield* until("the last frame", () => live.some(({ frame }) => isLast(frame)))
        yield* Effect.promise(() => socket.until("the last frame", ({ frames }) => frames.some(isLast)))

        const told = live
          .map(({ frame }) => frame)
          .filter(({ seq, type }) => seq > from && type !== "agent.status")
        assert.deepStrictEqual(
          told as ReadonlyArray<object>,
          socket.frames.filter(({ type }) => type.startsWith("task.") || type === "message.new"),
        )
        assert.lengthOf(told, 4)
        for (const { frame, subject } of live) {
          const place = frame.type === "agent.status" ? "_" : project.id
          if (frame.seq > from) assert.strictEqual(subject, `crew.live.${place}.${frame.type}`)
          yield* fits(FrameBody as Schema.Codec<unknown>, frame)
        }
        yield* fits(answerFrames.AuthOk, greeting)

        const feedOf = (token: string, query: string) =>
          Effect.promise(async () => {
            const answer = await fetch(`${node.url}/api/v1/feed?after=${from}${query}`, {
              headers: { authorization: `Bearer ${token}` },
            })
            const body = (await answer.json()) as ReadonlyArray<typeof feedFrames.MessageFrame.Type>
            return { body, link: answer.headers.get("link"), status: answer.status }
          })
        const ofFeed = ({ body }: { readonly body: ReadonlyArray<object> }) =>
          body.filter((frame) => !("type" in frame) || frame.type !== "agent.status")
        assert.deepStrictEqual(ofFeed(yield* feedOf(tokens.al, "")), told)
        yield* admin.send("PATCH", "/members/al", { chat_listen: "mentions", task_listen: "none" })
        const filtered = ofFeed(yield* feedOf(tokens.al, `&project_id=${project.id}`))
        assert.deepStrictEqual(
          filtered.map((frame) => (frame as (typeof feedFrames)["MessageFrame"]["Type"]).data.content),
          ["for al"],
        )
        const page = yield* feedOf(tokens.bo, "&limit=1")
        assert.match(page.link ?? "", /^<\/api\/v1\/feed\?after=\d+&limit=1>; rel="next"$/)
      }),
  )
})
