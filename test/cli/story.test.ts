import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import postgres from "postgres"
import { makeCrew } from "../support/crew.ts"
import { startNode } from "../support/node.ts"
import { freshDatabase, freshNats, temporaryFolder } from "../support/servers.ts"
import { spawned } from "./crewlog.ts"

const linesOf = (text: string) => text.trimEnd().split("\n")

/** A board on which a task was made, taken, moved and talked about, and the way to ask the command line of it. */
const told = Effect.gen(function* () {
  const servers = { nats: yield* freshNats, databaseUrl: yield* freshDatabase }
  const node = yield* startNode(servers)
  const { admin } = yield* makeCrew(node, ["ada"])
  const { body } = yield* admin.post("/tasks?project_slug=team-board", { title: "Fix login bug" })
  yield* admin.post(`/tasks/${body.id}/take?slug=ada`)
  yield* admin.send("PATCH", `/tasks/${body.id}`, { status: "in_progress" })
  yield* admin.post("/messages", { task_id: body.id, content: "need a hand" })
  const env = {
    CREWLOG_DATA: yield* temporaryFolder,
    NATS_URL: Redacted.value(servers.nats.url),
    DATABASE_URL: servers.databaseUrl,
    CREWLOG_ENCRYPTION_KEY: "ab".repeat(32),
  }
  const ask = Effect.fnUntraced(function* (...args: ReadonlyArray<string>) {
    const { code, err, out } = yield* spawned(args, env)
    assert.deepStrictEqual([code, err], [0, ""], args.join(" "))
    return out
  })
  return { ask, env, databaseUrl: servers.databaseUrl, id: String(body.id) }
})

describe("crewlog log tail", () => {
  it.live(
    "the tail tells the story by keys, slugs, moves and titles, and every name in it is taken",
    () =>
      Effect.gen(function* () {
        const { ask, id } = yield* told
        const lines = linesOf(yield* ask("log", "tail", "-n", "100"))
        const story = lines.map((line) => line.slice(31)).join("\n")
        for (const part of [
          'TE-1 TaskCreated  "Fix login bug"',
          'TE-1 TaskTaken ada  "Fix login bug"',
          "TE-1 TaskMoved todo -> in_progress",
          'chat.TE-1 ChatOpened, MessagePosted "need a hand',
          "project.team-board ProjectCreated",
          "member.ada MemberRegistered ada",
          "chat.lobby ChatOpened",
        ]) {
          assert.include(story, part)
        }
        assert.notInclude(story, "Presence")
        const names = new Set(story.split("\n").map((line) => line.split(" ")[0] ?? ""))
        for (const name of [...names, id]) {
          assert.isAbove(linesOf(yield* ask("log", "history", name)).length, 1, name)
        }
        assert.strictEqual(yield* ask("log", "explain", "task.TE-1"), yield* ask("log", "explain", id))
      }).pipe(Effect.scoped),
    120_000,
  )

  it.live(
    "the tail goes back to a time ago, and tells who comes and goes where that is asked for",
    () =>
      Effect.gen(function* () {
        const { ask } = yield* told
        const all = linesOf(yield* ask("log", "tail", "--json", "--since", "1h", "--presence"))
        const without = linesOf(yield* ask("log", "tail", "--json", "--since", "1h"))
        assert.isAbove(all.length, without.length)
        assert.isTrue(all.some((line) => line.includes("PresenceChanged")))
        assert.isFalse(without.some((line) => line.includes("PresenceChanged")))
        assert.strictEqual(yield* ask("log", "tail", "--since", "0s"), "")
        assert.include(yield* ask("log", "tail", "--type", "PresenceChanged"), "presence.")
      }).pipe(Effect.scoped),
    120_000,
  )
})

describe("crewlog log replay", () => {
  it.live(
    "a replay prints statements that run, and the place to run them at; a word of SQL's own names none",
    () =>
      Effect.gen(function* () {
        const { ask, databaseUrl, env } = yield* told
        const out = yield* ask("log", "replay", "--to", "3", "--schema", "before")
        assert.include(out, "Look at it at DATABASE_URL:")
        const sql = yield* Effect.acquireRelease(
          Effect.sync(() => postgres(databaseUrl, { max: 1, onnotice: () => {} })),
          (client) => Effect.promise(() => client.end({ timeout: 1 })),
        )
        const statements = linesOf(out).filter((line) => line.endsWith(";"))
        assert.lengthOf(statements, 2)
        for (const statement of statements) yield* Effect.promise(() => sql.unsafe(statement))
        const refused = yield* spawned(["log", "replay", "--to", "3", "--schema", "then"], env)
        assert.strictEqual(refused.code, 2)
        assert.match(refused.err, /^crewlog: then is a word of SQL's own[^\n]*\n$/)
      }).pipe(Effect.scoped),
    120_000,
  )
})
