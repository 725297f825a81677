import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import postgres from "postgres"
import { makeCrew } from "../support/crew.ts"
import { startNode } from "../support/node.ts"
import { freshDatabase, freshNats } from "../support/servers.ts"

const soon = Schedule.spaced("50 millis").pipe(Schedule.upTo({ duration: "40 seconds" }))

const there = Effect.gen(function* () {
  const databaseUrl = yield* freshDatabase
  const node = yield* startNode({ nats: yield* freshNats, databaseUrl })
  const { admin } = yield* makeCrew(node, [])
  const made = yield* admin.post("/tasks?project_slug=team-board", { title: "kept" })
  assert.strictEqual(made.status, 201)
  const sql = yield* Effect.acquireRelease(
    Effect.sync(() => postgres(databaseUrl, { max: 1, onnotice: () => {} })),
    (client) => Effect.promise(() => client.end({ timeout: 1 })),
  )
  const readiness = Effect.promise(async () => {
    const answer = await fetch(`${node.url}/readyz?verbose`)
    return { status: answer.status, text: await answer.text() }
  })
  const readyAgain = readiness.pipe(
    Effect.repeat({ schedule: soon, until: ({ status }) => status === 200 }),
    Effect.tap(({ status, text }) => Effect.sync(() => assert.strictEqual(status, 200, text))),
  )
  const titles = Effect.map(admin.get("/tasks"), ({ body }) =>
    body.map(({ title }: { readonly title: string }) => title),
  )
  return { admin, sql, readiness, readyAgain, titles }
})

describe("the tables of the read model", () => {
  it.live(
    "tables that somebody dropped are made anew without being asked, also while nothing is written",
    () =>
      Effect.gen(function* () {
        const { admin, readyAgain, sql, titles } = yield* there
        for (const statement of [
          "drop table crewlog.task cascade",
          "alter table crewlog.member drop column prompt",
          "drop table crewlog.checkpoint",
          "drop schema crewlog cascade",
        ]) {
          yield* Effect.promise(() => sql.unsafe(statement))
          const members = yield* admin
            .get("/members")
            .pipe(Effect.repeat({ schedule: soon, until: ({ status }) => status === 200 }))
          assert.strictEqual(members.status, 200, statement)
          yield* readyAgain
          assert.deepStrictEqual(yield* titles, ["kept"], statement)
        }
      }).pipe(Effect.scoped),
    120_000,
  )

  it.live(
    "a node is not ready while its reads fail, although the log and the checkpoint answer",
    () =>
      Effect.gen(function* () {
        const { readiness, readyAgain, sql } = yield* there
        yield* readyAgain
        yield* Effect.promise(async () => {
          await sql.unsafe("begin")
          await sql.unsafe("lock table crewlog.message in access exclusive mode")
        })
        const { status, text } = yield* readiness
        assert.strictEqual(status, 503)
        const { checks } = JSON.parse(text) as {
          readonly checks: ReadonlyArray<{ readonly name: string; readonly ok: boolean }>
        }
        assert.deepStrictEqual(
          checks.filter(({ ok }) => !ok).map(({ name }) => name),
          ["reads"],
        )
        yield* Effect.promise(() => sql.unsafe("rollback"))
        yield* readyAgain
      }).pipe(Effect.scoped),
    120_000,
  )
})
