import { Effect } from "effect"
import { Task, type TaskCommand } from "../../domain/Task.ts"
import type { Claims } from "../Claims.ts"
import type { Dispatcher } from "../dispatch.ts"
import type { Envelope } from "../Envelope.ts"
import { informed, nothingSeen, type Seen } from "../informed.ts"
import { refusing } from "../refusing.ts"
import type { TaskChecks } from "../taskChecks.ts"
import type { TaskOutcome, TasksRefusal } from "./TaskOutcome.ts"
import type { TaskRef } from "./TaskWish.ts"

/** Gives commands to single tasks, with what has to be known of others, and notes who holds how many. */
export const taskGiver = (
  dispatcher: Dispatcher["Service"],
  claims: Claims["Service"],
  { look }: TaskChecks,
) => {
  const refuse = (id: string, refusal: TasksRefusal, envelope: Envelope): TaskOutcome =>
    dispatcher.dispatch(refusing(Task, refusal), id, undefined, envelope)

  const decide = (
    id: string,
    commands: ReadonlyArray<TaskCommand>,
    envelope: Envelope,
    seen: Seen,
  ): TaskOutcome =>
    dispatcher
      .dispatch(informed(seen), id, commands, envelope)
      .pipe(
        Effect.catchTag("Unseen", ({ ids }) =>
          Effect.flatMap(look(ids), (more) =>
            decide(id, commands, envelope, { ...seen, tasks: new Map([...seen.tasks, ...more]) }),
          ),
        ),
      )

  /** Decides, and again with what turned out to matter: each time more is known. */
  const give = (
    id: string,
    commands: ReadonlyArray<TaskCommand>,
    envelope: Envelope,
    seen: Seen,
  ): TaskOutcome =>
    Effect.map(decide(id, commands, envelope, seen), (outcome) => {
      claims.note(outcome)
      return outcome
    })

  /** The same for a task that is there: nothing is known yet, but whether who would get it holds enough. */
  const run = Effect.fnUntraced(function* (
    { id }: TaskRef,
    commands: ReadonlyArray<TaskCommand>,
    envelope: Envelope,
    receiver?: string | null,
  ) {
    const full = typeof receiver === "string" ? yield* claims.full(receiver) : undefined
    return yield* give(id, commands, envelope, { ...nothingSeen, full })
  })

  return { give, refuse, run }
}
export type TaskGiver = ReturnType<typeof taskGiver>
