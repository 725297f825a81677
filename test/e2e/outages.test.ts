import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import { makeCrew } from "../support/crew.ts"
import { startNode } from "../support/node.ts"
import type { Answer } from "../support/rest.ts"
import { freshNats, startNats, startPostgres } from "../support/servers.ts"

const soon = Schedule.spaced("50 millis").pipe(Schedule.upTo({ times: 600 }))
const until = (status: number, ask: Effect.Effect<Answer>) =>
  ask.pipe(
    Effect.repeat({ schedule: soon, until: (answer) => answer.status === status }),
    Effect.tap((answer) => Effect.sync(() => assert.strictEqual(answer.status, status))),
  )

describe("an outage", () => {
  it.live(
    "of PostgreSQL: commands are accepted, reads answer 503, everything appears when it is back",
    () =>
      Effect.gen(function* () {
        const database = yield* startPostgres()
        const node = yield* startNode({ nats: yield* freshNats, databaseUrl: database.url })
        const { admin } = yield* makeCrew(node, [])
        yield* database.stop

        const created = yield* Effect.forEach(
          Array.from({ length: 20 }, (_, n) => n),
          (n) =>
            admin.post(
              "/tasks?project_slug=team-board",
              { title: `in the dark ${n}` },
              { prefer: "respond-async" },
            ),
        )
        for (const answer of created) {
          assert.strictEqual(answer.status, 201)
          assert.strictEqual(answer.headers.get("crewlog-projected"), "false")
        }
        const waiting = yield* admin.post("/tasks?project_slug=team-board", { title: "with a wait" })
        assert.strictEqual(waiting.status, 201)
        assert.strictEqual(waiting.headers.get("crewlog-projected"), "false")

        const read = yield* admin.get("/tasks")
        assert.strictEqual(read.status, 503)
        assert.isNotNull(read.headers.get("retry-after"))
        assert.strictEqual(read.headers.get("content-type"), "application/problem+json")

        yield* database.start
        const tasks = yield* until(
          200,
          admin.get("/tasks?limit=200", { "crewlog-min-seq": String(waiting.seq) }),
        )
        assert.strictEqual(tasks.body.length, 21)
        yield* database.kill
        yield* database.start
        assert.strictEqual((yield* until(200, admin.get("/tasks?limit=200"))).body.length, 21)
      }).pipe(Effect.scoped),
    90_000,
  )

  it.live(
    "of nats-server: nothing is acknowledged meanwhile, and it goes on by itself",
    () =>
      Effect.gen(function* () {
        const nats = yield* startNats()
        const database = yield* startPostgres()
        const node = yield* startNode({ nats: nats.access, databaseUrl: database.url })
        const { admin } = yield* makeCrew(node, [])
        const before = yield* admin.post("/tasks?project_slug=team-board", { title: "before" })
        yield* nats.kill
        const refused = yield* admin.post("/tasks?project_slug=team-board", { title: "meanwhile" })
        assert.strictEqual(refused.status, 503)
        assert.isNotNull(refused.headers.get("retry-after"))
        assert.strictEqual((yield* admin.get(`/tasks/${before.body.id}`)).status, 200)
        yield* nats.start
        const after = yield* until(
          201,
          admin.post("/tasks?project_slug=team-board", { title: "after" }, { "idempotency-key": "a" }),
        )
        const tasks = yield* until(200, admin.get("/tasks", { "crewlog-min-seq": String(after.seq) }))
        const titles = tasks.body.map(({ title }: { readonly title: string }) => title)
        assert.includeMembers(titles, ["before", "after"])
      }).pipe(Effect.scoped),
    90_000,
  )
})
