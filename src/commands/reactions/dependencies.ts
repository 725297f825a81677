import { Effect } from "effect"
import { knowing } from "../../domain/Aggregate.ts"
import { EventLog } from "../../domain/EventLog.ts"
import { Plan, PlanCommand } from "../../domain/Plan.ts"
import { Task, TaskCommand } from "../../domain/Task.ts"
import { DEPENDENCIES } from "../../projections/Owed.ts"
import { Dispatcher } from "../dispatch.ts"
import type { Envelope } from "../Envelope.ts"
import { factsOf, nothingSeen } from "../informed.ts"
import { done, envelopeOf, type Reaction } from "./Reaction.ts"

const { ForgetTask } = PlanCommand.cases
const { SetDependencies } = TaskCommand.cases

/**
 * A plan said what a task waits for, and the task has not heard of it: the program that was to tell it crashed in
 * between. The task is told what the plan says now; a task that never came to be, or was deleted, is forgotten by
 * the plan.
 */
export const makeDependencies = Effect.gen(function* () {
  const dispatcher = yield* Dispatcher
  const log = yield* EventLog

  const forget = (project: string, task_id: string, envelope: Envelope) =>
    dispatcher.dispatch(Plan, project, ForgetTask.make({ task_id }), envelope)

  /** Only plans know the project of a task that never was: rare enough to ask them all. */
  const forgetEverywhere = Effect.fnUntraced(function* (task_id: string, envelope: Envelope) {
    for (const { subject } of yield* log.newest("plan")) yield* forget(subject.id, task_id, envelope)
  })

  const tell = Effect.fnUntraced(function* (id: string, envelope: Envelope) {
    const { state: task } = yield* dispatcher.load(Task, id)
    if (task._tag === "Absent") return yield* forgetEverywhere(id, envelope)
    if (task._tag === "Deleted") return void (yield* forget(task.project_id, id, envelope))
    const { state: plan } = yield* dispatcher.load(Plan, task.project_id)
    const command = SetDependencies.make({ depends_on: plan.edges[id] ?? [] })
    yield* dispatcher.dispatch(knowing(Task, factsOf(nothingSeen)), id, command, envelope)
  })

  const dependencies: Reaction = {
    kind: DEPENDENCIES,
    within: "10 seconds",
    atOnce: 8,
    backoff: () => "1 second",
    perform: (owed) => Effect.as(tell(owed.id, envelopeOf(owed)), done),
  }
  return dependencies
})
