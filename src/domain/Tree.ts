import { Result, Schema } from "effect"
import type { Aggregate } from "./Aggregate.ts"
import { Uuid } from "./Ids.ts"

const move = { move_id: Uuid, task_id: Uuid, parent_id: Uuid }

// Tags and fields are the storage format: add fields with a default, never rename or remove.
export const TreeEvent = Schema.TaggedUnion({
  MoveBegun: { v: Schema.tag(1), ...move },
  MoveEnded: { v: Schema.tag(1), move_id: Uuid },
})
export type TreeEvent = typeof TreeEvent.Type

export const TreeCommand = Schema.TaggedUnion({
  /** To be given only where no circle would come of it, as of the version that was looked at. */
  BeginMove: move,
  EndMove: { move_id: Uuid },
})
export type TreeCommand = typeof TreeCommand.Type

// The storage format of snapshots: the moves that are under way, and none that is over.
export const TreeState = Schema.TaggedUnion({
  Tree: { moves: Schema.Array(Schema.Struct(move)) },
})
export type TreeState = typeof TreeState.Type
export type Move = TreeState["moves"][number]

type Decision = Result.Result<ReadonlyArray<TreeEvent>, never>
const nothing: Decision = Result.succeed([])

/**
 * The tasks of one project that are on their way below another parent. Where each of them stands is the task's own
 * business; this keeps two that would close a circle together from being on their way at once. The id is the project's.
 */
export const Tree: Aggregate<TreeState, TreeCommand, TreeEvent, never> = {
  type: "tree",
  events: TreeEvent,
  state: TreeState,
  initial: { _tag: "Tree", moves: [] },

  evolve: ({ moves }, event): TreeState => {
    const others = moves.filter(({ move_id }) => move_id !== event.move_id)
    if (event._tag === "MoveEnded") return { _tag: "Tree", moves: others }
    const { move_id, parent_id, task_id } = event
    return { _tag: "Tree", moves: [...others, { move_id, task_id, parent_id }] }
  },

  decide: (command, { moves }) => {
    const isUnderWay = moves.some(({ move_id }) => move_id === command.move_id)
    return TreeCommand.match(command, {
      BeginMove: ({ move_id, parent_id, task_id }): Decision =>
        isUnderWay ? nothing : Result.succeed([{ _tag: "MoveBegun", v: 1, move_id, task_id, parent_id }]),
      EndMove: ({ move_id }): Decision =>
        isUnderWay ? Result.succeed([{ _tag: "MoveEnded", v: 1, move_id }]) : nothing,
    })
  },
}
