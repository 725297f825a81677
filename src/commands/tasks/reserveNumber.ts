import { Effect } from "effect"
import { Project, type ProjectState, reservedNumber } from "../../domain/Project.ts"
import type { Dispatcher } from "../dispatch.ts"
import { type Envelope, partOf } from "../Envelope.ts"

type Known = Extract<ProjectState, { readonly _tag: "Known" }>

const RESERVE_AGAIN = 4

/** The number and key of a new task. Every node takes its numbers from this one aggregate, and a number commits to nothing. */
export const numberReserver = (dispatcher: Dispatcher["Service"]) =>
  Effect.fnUntraced(function* (project_id: string, task_id: string, envelope: Envelope) {
    const command = { _tag: "ReserveTaskNumber", task_id } as const
    const { state } = yield* dispatcher
      .dispatch(Project, project_id, command, partOf(envelope))
      .pipe(Effect.retry({ times: RESERVE_AGAIN, while: ({ _tag }) => _tag === "Contended" }))
    const number = reservedNumber(state, task_id)
    return number === undefined
      ? yield* Effect.die(new Error(`no number was reserved for ${task_id}`))
      : { number, key: `${(state as Known).prefix}-${number}` }
  })
