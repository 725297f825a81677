import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { makeCrew } from "../support/crew.ts"
import { startNode } from "../support/node.ts"
import { Rest } from "../support/rest.ts"
import { freshDatabase, freshNats } from "../support/servers.ts"

describe("a race", () => {
  it.live(
    "50 agents race for 200 tasks on two nodes: each has one holder, the others are told who",
    () =>
      Effect.gen(function* () {
        const place = { nats: yield* freshNats, databaseUrl: yield* freshDatabase }
        const nodes = [yield* startNode(place), yield* startNode(place)] as const
        const slugs = Array.from({ length: 50 }, (_, n) => `agent-${n}`)
        const { admin, tokens } = yield* makeCrew(nodes[0], slugs)
        const agents = slugs.map((slug, n) => ({
          slug,
          rest: new Rest(nodes[n % 2 === 0 ? 0 : 1].url, tokens[n] ?? ""),
        }))
        const ids = yield* Effect.forEach(
          Array.from({ length: 200 }, (_, n) => n),
          (n) =>
            Effect.map(admin.post("/tasks?project_slug=team-board", { title: `task ${n}` }), ({ body }) =>
              String(body.id),
            ),
          { concurrency: 8 },
        )

        const takes = yield* Effect.forEach(
          ids.flatMap((id) => agents.map((agent) => ({ id, ...agent }))),
          ({ id, rest, slug }) =>
            Effect.map(
              rest.post(`/tasks/${id}/take?slug=${slug}`, undefined, { prefer: "respond-async" }),
              (answer) => ({ id, slug, answer }),
            ),
          { concurrency: 50 },
        )

        for (const id of ids) {
          const own = takes.filter((one) => one.id === id)
          const winners = own.filter(({ answer }) => answer.status === 200)
          assert.strictEqual(winners.length, 1, `holders of ${id}`)
          const holder = winners[0]?.slug
          for (const { answer } of own.filter(({ answer }) => answer.status !== 200)) {
            assert.strictEqual(answer.status, 409)
            assert.strictEqual(answer.body.holder, holder)
          }
          const history = yield* admin.get(`/tasks/${id}/history`, {
            "crewlog-min-seq": String(winners[0]?.answer.seq),
          })
          const taken = history.body.filter(
            (entry: { readonly event: string }) => entry.event === "TaskTaken",
          )
          assert.strictEqual(taken.length, 1)
        }
      }).pipe(Effect.scoped),
    120_000,
  )
})
