import { Effect } from "effect"
import { Tree, TreeCommand } from "../../domain/Tree.ts"
import { MOVES } from "../../projections/Owed.ts"
import { Dispatcher } from "../dispatch.ts"
import { done, envelopeOf, type Reaction } from "./Reaction.ts"

const { EndMove } = TreeCommand.cases

/** A task was on its way below another parent for longer than any request lives: by now it is there, or never will be. */
export const makeMoves = Effect.map(Dispatcher, (dispatcher): Reaction => ({
  kind: MOVES,
  within: "10 seconds",
  atOnce: 8,
  backoff: () => "1 second",
  perform: (owed) => {
    const [project = "", move_id = ""] = owed.id.split(":")
    return Effect.as(dispatcher.dispatch(Tree, project, EndMove.make({ move_id }), envelopeOf(owed)), done)
  },
}))
