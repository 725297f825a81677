import { Effect } from "effect"
import type { Envelope } from "../Envelope.ts"
import type { People } from "../People.ts"
import type { TaskGiver } from "./taskGiver.ts"
import { claimOf, type CommandOf, type TaskRef } from "./TaskWish.ts"

/** Commands that name a member, who has to be there. */
export const handOver = (people: People["Service"], { refuse, run }: TaskGiver) => ({
  assign: Effect.fnUntraced(function* (ref: TaskRef, slug: string, envelope: Envelope) {
    const wrong = yield* people.missing("slug", slug)
    if (wrong !== undefined) return yield* refuse(ref.id, wrong, envelope)
    const { actor } = envelope
    return yield* run(ref, [{ _tag: "AssignTask", actor, ...claimOf(ref), slug }], envelope, slug)
  }),

  /** Oneself, mostly: who calls is there. */
  onBehalf: Effect.fnUntraced(function* (
    ref: TaskRef,
    command: CommandOf<"TakeTask"> | CommandOf<"WatchTask">,
    envelope: Envelope,
  ) {
    const { slug } = command
    const wrong = slug === envelope.actor.slug ? undefined : yield* people.missing("slug", slug)
    return wrong === undefined
      ? yield* run(ref, [command], envelope, command._tag === "TakeTask" ? slug : null)
      : yield* refuse(ref.id, wrong, envelope)
  }),
})
