import { Effect } from "effect"
import type { TaskState } from "../../domain/Task.ts"
import type { Envelope } from "../Envelope.ts"
import type { People } from "../People.ts"
import type { TaskChecks } from "../taskChecks.ts"
import type { TaskGiver } from "./taskGiver.ts"
import { claimOf, type CommandOf, type TaskRef } from "./TaskWish.ts"

type Giving = CommandOf<"TakeTask"> | CommandOf<"WatchTask"> | CommandOf<"AssignTask">

/** The task has already what the command wants. */
const isSo = (task: TaskState, { _tag, slug }: Giving) => {
  if (task._tag !== "Open") return false
  return _tag === "WatchTask" ? task.watchers.includes(slug) : task.assignee_slug === slug
}

/** Commands that name a member, who has to be there, unless nothing would change. */
export const handOver = (
  people: People["Service"],
  { refuse, run }: TaskGiver,
  { load }: Pick<TaskChecks, "load">,
) => {
  const objection = Effect.fnUntraced(function* ({ id }: TaskRef, command: Giving) {
    const missing = yield* people.missing("slug", command.slug)
    return missing === undefined || isSo(yield* load(id), command) ? undefined : missing
  })

  return {
    assign: Effect.fnUntraced(function* (ref: TaskRef, slug: string, envelope: Envelope) {
      const command = { _tag: "AssignTask", actor: envelope.actor, ...claimOf(ref), slug } as const
      const wrong = yield* objection(ref, command)
      return wrong === undefined
        ? yield* run(ref, [command], envelope, slug)
        : yield* refuse(ref.id, wrong, envelope)
    }),

    /** Oneself, mostly: who calls is there. */
    onBehalf: Effect.fnUntraced(function* (
      ref: TaskRef,
      command: CommandOf<"TakeTask"> | CommandOf<"WatchTask">,
      envelope: Envelope,
    ) {
      const { slug } = command
      const wrong = slug === envelope.actor.slug ? undefined : yield* objection(ref, command)
      return wrong === undefined
        ? yield* run(ref, [command], envelope, command._tag === "TakeTask" ? slug : null)
        : yield* refuse(ref.id, wrong, envelope)
    }),
  }
}
