import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { adminOf, makeCrew } from "../support/crew.ts"
import { startNode } from "../support/node.ts"
import { freshDatabase, freshNats } from "../support/servers.ts"

describe("a repeated command", () => {
  it.live(
    "the same key ten times at once, and again after kill -9: one task, one answer",
    () =>
      Effect.gen(function* () {
        const place = { nats: yield* freshNats, databaseUrl: yield* freshDatabase }
        const first = yield* startNode(place)
        const { admin } = yield* makeCrew(first, [])
        const ask = (rest = admin) =>
          rest.post(
            "/tasks?project_slug=team-board",
            { title: "Once", labels: ["a"] },
            { "idempotency-key": "k-1" },
          )
        const answers = yield* Effect.forEach(Array.from({ length: 10 }), () => ask(), { concurrency: 10 })
        yield* first.end("SIGKILL")
        const second = yield* startNode(place)
        answers.push(yield* ask(adminOf(second)))
        for (const answer of answers) {
          assert.strictEqual(answer.status, 201)
          assert.strictEqual(JSON.stringify(answer.body), JSON.stringify(answers[0]?.body))
          assert.strictEqual(answer.seq, answers[0]?.seq)
        }
        const tasks = yield* adminOf(second).get("/tasks", { "crewlog-min-seq": String(answers[0]?.seq) })
        assert.strictEqual(tasks.body.length, 1)
        const other = yield* adminOf(second).post(
          "/tasks?project_slug=team-board",
          { title: "Other" },
          { "idempotency-key": "k-1" },
        )
        assert.strictEqual(other.status, 422)
        assert.strictEqual(other.body.code, "idempotency_key_reused")

        const member = { name: "Bob", slug: "bob", type: "agent" }
        const made = yield* adminOf(second).post("/members", member, { "idempotency-key": "k-2" })
        const again = yield* adminOf(second).post("/members", member, { "idempotency-key": "k-2" })
        assert.strictEqual(made.status, 201)
        assert.deepStrictEqual(again.body, made.body)
      }).pipe(Effect.scoped),
    60_000,
  )
})
