import { Context, Effect, Layer } from "effect"
import { Digest } from "../domain/Digest.ts"
import { afterItsEffect } from "./afterTheFact.ts"
import { Claims } from "./Claims.ts"
import { Dispatcher } from "./dispatch.ts"
import type { Envelope } from "./Envelope.ts"
import { idOfNew } from "./identify.ts"
import { People } from "./People.ts"
import { taskChecks } from "./taskChecks.ts"
import { taskChanger } from "./tasks/changeTask.ts"
import { taskCreator } from "./tasks/createTask.ts"
import { handOver } from "./tasks/handOver.ts"
import { leaver } from "./tasks/leaver.ts"
import { mover } from "./tasks/mover.ts"
import { planner } from "./tasks/planner.ts"
import { taskGiver } from "./tasks/taskGiver.ts"
import type { TaskOutcome } from "./tasks/TaskOutcome.ts"
import { claimOf, type CommandOf, type NewTask, type TaskChanges, type TaskRef } from "./tasks/TaskWish.ts"

export type { TasksRefusal } from "./tasks/TaskOutcome.ts"
export type { TaskRef } from "./tasks/TaskWish.ts"

/** The wishes of members for their tasks. Every method is safe to repeat, also after a crash half-way. */
export class Tasks extends Context.Service<
  Tasks,
  {
    /** Into the project of this slug; the outcome's state holds id, number and key. */
    readonly create: (project: string, task: NewTask, envelope: Envelope) => TaskOutcome
    readonly change: (task: TaskRef, changes: TaskChanges, envelope: Envelope) => TaskOutcome
    readonly take: (task: TaskRef, slug: string, envelope: Envelope) => TaskOutcome
    readonly reject: (task: TaskRef, slug: string, reason: string, envelope: Envelope) => TaskOutcome
    readonly assign: (task: TaskRef, slug: string, envelope: Envelope) => TaskOutcome
    readonly watch: (task: TaskRef, slug: string, envelope: Envelope) => TaskOutcome
    readonly unwatch: (task: TaskRef, slug: string, envelope: Envelope) => TaskOutcome
    readonly addStep: (task: TaskRef, title: string, envelope: Envelope) => TaskOutcome
    readonly changeStep: (
      task: TaskRef,
      step_id: string,
      changes: CommandOf<"ChangeStep">["changes"],
      envelope: Envelope,
    ) => TaskOutcome
    readonly removeStep: (task: TaskRef, step_id: string, envelope: Envelope) => TaskOutcome
    readonly remove: (task: TaskRef, envelope: Envelope) => TaskOutcome
  }
>()("crewlog/commands/Tasks") {
  static readonly layer = Layer.effect(
    Tasks,
    Effect.gen(function* () {
      const dispatcher = yield* Dispatcher
      const digest = yield* Digest
      const people = yield* People
      const claims = yield* Claims
      const checks = taskChecks(dispatcher, people)
      const giver = taskGiver(dispatcher, claims, checks)
      const plans = planner(dispatcher, digest, checks)
      const leaves = leaver(dispatcher, digest, checks, plans)
      const moves = mover(dispatcher, digest, checks)
      const { assign, onBehalf } = handOver(people, giver, checks)
      const { run } = giver

      const remove = Effect.fnUntraced(function* (ref: TaskRef, envelope: Envelope) {
        const { actor } = envelope
        const outcome = yield* run(ref, [{ _tag: "DeleteTask", actor, ...claimOf(ref) }], envelope)
        const { state } = outcome
        if (state._tag === "Deleted") {
          // Deleted it is by now, whatever becomes of the plan: a repeat tells it again.
          yield* Effect.mapError(leaves.leave(state.project_id, state.id, envelope), afterItsEffect)
        }
        return outcome
      })

      return Tasks.of({
        create: taskCreator(dispatcher, digest, claims, checks, giver, plans, leaves),
        change: taskChanger(dispatcher, checks, giver, plans, leaves, moves),
        take: (ref, slug, envelope) =>
          onBehalf(ref, { _tag: "TakeTask", actor: envelope.actor, ...claimOf(ref), slug }, envelope),
        reject: (ref, slug, reason, envelope) => {
          const comment_id = idOfNew(digest, "comment", envelope, ref.id)
          const told = { actor: envelope.actor, ...claimOf(ref), slug, reason, comment_id }
          return run(ref, [{ _tag: "RejectTask", ...told }], envelope)
        },
        assign,
        watch: (ref, slug, envelope) =>
          onBehalf(ref, { _tag: "WatchTask", actor: envelope.actor, ...claimOf(ref), slug }, envelope),
        unwatch: (ref, slug, envelope) =>
          run(ref, [{ _tag: "UnwatchTask", actor: envelope.actor, ...claimOf(ref), slug }], envelope),
        addStep: (ref, title, envelope) => {
          const step_id = idOfNew(digest, "step", envelope, ref.id)
          return run(ref, [{ _tag: "AddStep", ...claimOf(ref), step_id, title }], envelope)
        },
        changeStep: (ref, step_id, changes, envelope) =>
          run(ref, [{ _tag: "ChangeStep", ...claimOf(ref), step_id, changes }], envelope),
        removeStep: (ref, step_id, envelope) =>
          run(ref, [{ _tag: "RemoveStep", ...claimOf(ref), step_id }], envelope),
        remove,
      })
    }),
  )
}
