import { Effect } from "effect"
import type { Digest } from "../../domain/Digest.ts"
import { Tree, TreeCommand } from "../../domain/Tree.ts"
import type { Dispatcher } from "../dispatch.ts"
import { Contended, type Envelope, partOf } from "../Envelope.ts"
import type { TaskChecks } from "../taskChecks.ts"
import { makeTurns } from "../turns.ts"

const { BeginMove, EndMove } = TreeCommand.cases
const TRIES = 5

/** Puts tasks below other parents, so that no two of them on their way at once close a circle together. */
export const mover = (
  dispatcher: Dispatcher["Service"],
  digest: Digest["Service"],
  { misplaced }: Pick<TaskChecks, "misplaced">,
) => {
  const inTurn = makeTurns()

  /** Never repeated by anyone: a repeat of the request begins a move of its own. */
  const own = (envelope: Envelope): Envelope => ({ ...partOf(envelope), commandId: `:${digest.uuid()}` })

  /** Looks where the parent stands, and begins the move if nobody else has begun or ended one meanwhile. */
  const begin = Effect.fnUntraced(function* (
    project_id: string,
    task_id: string,
    parent_id: string,
    envelope: Envelope,
  ) {
    for (let tries = 0; tries < TRIES; tries += 1) {
      const { seq, state } = yield* dispatcher.load(Tree, project_id)
      const wrong = yield* misplaced(task_id, project_id, parent_id, state.moves)
      if (wrong !== undefined) return wrong
      const move_id = digest.uuid()
      const command = BeginMove.make({ move_id, task_id, parent_id })
      const begun = yield* dispatcher
        .dispatch(Tree, project_id, command, { ...own(envelope), ifMatch: seq })
        .pipe(Effect.catchTag("VersionMismatch", () => Effect.undefined))
      if (begun !== undefined) return move_id
    }
    return yield* new Contended({ subject: `tree.${project_id}` })
  })

  /** The task has its parent by now, or never will. A move that stays over is ended a minute later. */
  const end = (project_id: string, move_id: string, envelope: Envelope) =>
    Effect.ignore(dispatcher.dispatch(Tree, project_id, EndMove.make({ move_id }), own(envelope)))

  return {
    begin: (project_id: string, task_id: string, parent_id: string, envelope: Envelope) =>
      begin(project_id, task_id, parent_id, envelope).pipe(inTurn(project_id)),
    end,
  }
}
export type Mover = ReturnType<typeof mover>
