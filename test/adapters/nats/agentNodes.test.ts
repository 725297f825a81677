import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { agentOn, agentsPlace, command, until } from "../../support/agents.ts"
import { makeCrew } from "../../support/crew.ts"
import { startNode } from "../../support/node.ts"

const TASKS = 40

describe("two nodes", () => {
  it.live("share the commands of agents, push each frame once, and stand in for each other", () =>
    Effect.gen(function* () {
      const { env, place } = yield* agentsPlace
      const first = yield* startNode(place, { env })
      const second = yield* startNode(place, { env })
      const { tokens } = yield* makeCrew(first, ["al", "bo"])
      const al = yield* agentOn(place.nats, "al", tokens[0]!)
      const nodes = yield* Effect.promise(async () => {
        const ids: Array<string> = []
        const options = { strategy: "stall", stall: 500, maxWait: 5_000 } as const
        for await (const message of await al.requestMany("$SRV.PING.crewlog", "", options)) {
          ids.push(message.json<{ readonly id: string }>().id)
        }
        return ids
      })
      assert.lengthOf(new Set(nodes), 2)

      const frames: Array<number> = []
      al.subscribe("crew.live.*.task.created", {
        callback: (_, message) => void frames.push(message.json<{ readonly seq: number }>().seq),
      })
      const create = (n: number) =>
        command(al, "crew.cmd.al.task.create", { project_slug: "team-board", title: `Task ${n}` })
      const made = yield* Effect.forEach(
        Array.from({ length: TASKS }, (_, n) => n),
        create,
        { concurrency: 8 },
      )
      for (const { error } of made) assert.isUndefined(error)
      yield* until("all frames", () => frames.length >= TASKS)
      const seqs = made.map(({ seq }) => seq).toSorted((a, b) => a - b)
      assert.deepStrictEqual(frames, seqs)

      // Whoever answered logins and commands before: the other does it all now.
      yield* first.end()
      const bo = yield* agentOn(place.nats, "bo", tokens[1]!)
      const more = yield* command(bo, "crew.cmd.bo.task.create", {
        project_slug: "team-board",
        title: "More",
      })
      assert.isUndefined(more.error)
      yield* until("its frame", () => frames.includes(more.seq))
      assert.isAbove(second.pid, 0)
    }),
  )
})
