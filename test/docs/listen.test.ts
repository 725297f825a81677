import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawn } from "node:child_process"
import { join } from "node:path"
import { freePort } from "../../src/adapters/runtime/FreePort.ts"
import { until } from "../support/agents.ts"
import { adminOf, makeCrew } from "../support/crew.ts"
import { startNode } from "../support/node.ts"
import { freshDatabase, freshNats, searchPath, temporaryFolder } from "../support/servers.ts"

describe("docs/listen.mjs", () => {
  it.live(
    "docs/listen.mjs takes its token from the environment, and misses no frame over a server that was killed",
    () =>
      Effect.gen(function* () {
        const place = { nats: yield* freshNats, databaseUrl: yield* freshDatabase }
        const folder = join(yield* temporaryFolder, "data")
        const env = { CREWLOG_PORT: String(yield* freePort) }
        const node = yield* startNode(place, { env, folder })
        const { admin, project, tokens } = yield* makeCrew(node, ["robin"])
        let said = ""
        const listener = yield* Effect.acquireRelease(
          Effect.sync(() =>
            spawn(process.execPath, ["docs/listen.mjs", project.id], {
              env: { PATH: searchPath, CREWLOG_URL: node.url, CREWLOG_TOKEN: tokens[0]! },
              stdio: ["ignore", "pipe", "ignore"],
            }),
          ),
          (process) => Effect.sync(() => process.kill("SIGKILL")),
        )
        listener.stdout.on("data", (text) => (said += String(text)))
        yield* until("it listens", () => said.includes("auth.ok"))
        yield* admin.post("/tasks?project_slug=team-board", { title: "Before" })
        yield* until("it hears", () => said.includes("Before"))

        yield* node.end()
        const again = yield* startNode(place, { env, folder })
        yield* adminOf(again).post("/tasks?project_slug=team-board", { title: "After" })
        yield* until("it hears again", () => said.includes("After"))
        const frames = said
          .trim()
          .split("\n")
          .map((line) => JSON.parse(line) as { readonly type: string; readonly data?: { title?: string } })
        assert.deepStrictEqual(
          frames.filter(({ type }) => type === "task.created").map(({ data }) => data?.title),
          ["Before", "After"],
        )
        assert.isNull(listener.exitCode)
      }).pipe(Effect.scoped),
    120_000,
  )
})
