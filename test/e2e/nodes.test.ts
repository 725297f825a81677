import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { adminOf, makeCrew } from "../support/crew.ts"
import { ADMIN_TOKEN, startNode } from "../support/node.ts"
import { freshDatabase, freshNats } from "../support/servers.ts"
import { Socket } from "../support/Socket.ts"

describe("two nodes on the same servers", () => {
  it.live(
    "a task made on one is pushed on the other; the projector's death hands over within 2 s",
    () =>
      Effect.gen(function* () {
        const place = { nats: yield* freshNats, databaseUrl: yield* freshDatabase }
        const first = yield* startNode(place)
        const { admin, project } = yield* makeCrew(first, [])
        const second = yield* startNode(place)
        const socket = new Socket(second.url, { token: ADMIN_TOKEN, projects: [project.id] })
        yield* Effect.promise(() => socket.frame("auth.ok"))
        const made = yield* admin.post("/tasks?project_slug=team-board", { title: "Hello, other side" })
        const pushed = yield* Effect.promise(() => socket.frame("task.created"))
        assert.strictEqual(pushed.seq, made.seq)
        assert.strictEqual(pushed.data.id, made.body.id)

        yield* first.end("SIGKILL")
        const killed = performance.now()
        const next = yield* adminOf(second).post("/tasks?project_slug=team-board", {
          title: "Who projects now?",
        })
        yield* Effect.promise(() =>
          socket.until("the next task", ({ frames }) =>
            frames.some(({ seq, type }) => type === "task.created" && seq === next.seq),
          ),
        )
        assert.isBelow(performance.now() - killed, 2_000)
        socket.cut()
      }).pipe(Effect.scoped),
    60_000,
  )
})
