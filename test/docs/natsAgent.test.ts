import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { spawn } from "node:child_process"
import { readFileSync } from "node:fs"
import { agentsPlace, until } from "../support/agents.ts"
import { makeCrew } from "../support/crew.ts"
import { startNode } from "../support/node.ts"
import { searchPath } from "../support/servers.ts"

const AGENT = "docs/nats-agent.mjs"

describe("docs/nats-agent.mjs", () => {
  it("docs/nats-agent.mjs is short, and needs nothing but the NATS client", () => {
    const text = readFileSync(AGENT, "utf8")
    assert.isBelow(text.trimEnd().split("\n").length, 60)
    const imports = [...text.matchAll(/from "([^"]+)"/g)].map(([, module]) => module)
    assert.deepStrictEqual(imports, ["@nats-io/transport-node", "node:crypto"])
  })

  it.live(
    "docs/nats-agent.mjs does what there is to do, then what comes, and leaves to others what is theirs",
    () =>
      Effect.gen(function* () {
        const { env, place } = yield* agentsPlace
        const node = yield* startNode(place, { env })
        const { admin, tokens } = yield* makeCrew(node, ["robin"])
        const create = (title: string, more = {}) =>
          Effect.map(
            admin.post("/tasks?project_slug=team-board", { title, ...more }),
            ({ body }) => body.id as string,
          )
        const early = yield* create("Was there before")
        yield* create("Not its own", { assignee_slug: "admin" })
        let said = ""
        const agent = yield* Effect.acquireRelease(
          Effect.sync(() =>
            spawn(process.execPath, [AGENT], {
              env: {
                PATH: searchPath,
                CREWLOG_URL: node.url,
                CREWLOG_TOKEN: tokens[0]!,
                NATS_AGENT_URL: Redacted.value(place.nats.backend).url,
              },
            }),
          ),
          (process) => Effect.sync(() => process.kill("SIGKILL")),
        )
        for (const stream of [agent.stdout, agent.stderr]) stream.on("data", (text) => (said += String(text)))
        yield* until("the first is done", () => said.includes("TE-1 is done"))
        const late = yield* create("Came while it listened")
        yield* until("the third is done", () => said.includes("TE-3 is done"))
        for (const id of [early, late]) {
          const { body } = yield* admin.get(`/tasks/${id}`)
          assert.deepInclude(body, { status: "done", assignee_slug: "robin" })
          const { body: comments } = yield* admin.get(`/messages?task_id=${id}`)
          assert.lengthOf(comments, 1)
        }
        assert.strictEqual(said, "TE-1 is done\nTE-3 is done\n")
        assert.isNull(agent.exitCode)
      }),
  )
})
