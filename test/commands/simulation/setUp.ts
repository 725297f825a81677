import { Effect } from "effect"
import { Members } from "../../../src/commands/Members.ts"
import { Projects } from "../../../src/commands/Projects.ts"
import { Tasks } from "../../../src/commands/Tasks.ts"
import { ada, envelope } from "../../support/commands.ts"
import type { SimulatedNode } from "./SimulatedNode.ts"
import type { Board } from "./wishes.ts"

const CONTESTED = 12

/** A project, its members, and the tasks that they will contend for. */
export const setUp = (node: SimulatedNode, agents: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    let made = 0
    const by = () => envelope(`:set-up-${(made += 1)}`)
    const members = yield* Members
    const tasks = yield* Tasks
    for (const slug of agents) yield* members.register({ name: slug, slug, type: "agent" }, by())
    yield* members.register({ name: ada.name, slug: ada.slug, type: "human", role: "admin" }, by())
    const { state } = yield* (yield* Projects).create({ name: "Team Board", slug: "team-board" }, by())
    if (state._tag !== "Known") return yield* Effect.die(new Error("there is no project"))
    const contested: Array<string> = []
    for (let number = 1; number <= CONTESTED; number += 1) {
      const { state } = yield* tasks.create("team-board", { title: `task ${number}` }, by())
      if (state._tag === "Open") contested.push(state.id)
    }
    const board: Board = { contested, agents, chat: state.chat_id, planned: [], backends: [] }
    return board
  }).pipe(
    node.carryOut,
    Effect.flatMap((exit) => exit ?? Effect.die(new Error("the node died in calm weather"))),
    Effect.orDie,
  )
