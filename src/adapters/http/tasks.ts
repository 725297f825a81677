import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Dispatcher, type Outcome } from "../../commands/dispatch.ts"
import type { Envelope } from "../../commands/Envelope.ts"
import { projectId } from "../../commands/identify.ts"
import { Tasks, type TaskRef } from "../../commands/Tasks.ts"
import { Digest } from "../../domain/Digest.ts"
import { Task, type TaskEvent, type TaskState } from "../../domain/Task.ts"
import { TaskNotFound } from "../../domain/TaskRefusal.ts"
import { ReadModel } from "../../projections/ReadModel.ts"
import type { Failure } from "../refusals.ts"
import { Answers } from "./Answers.ts"
import { Api } from "./Api.ts"
import { byPlace, byPosition } from "./cursors.ts"
import { actingAs, type Exchange } from "./Exchange.ts"
import { explained } from "./explain.ts"
import { shownTask } from "./shown.ts"
import { unversioned, versioned } from "./versioned.ts"

type Current = Exchange["Service"]
type Done = Outcome<TaskState, TaskEvent>

const stepsOf = (state: TaskState) => (state._tag === "Open" ? state.steps : [])

/** The step that was asked for, as it was right after the command. */
export const stepIn = ({ events, state }: Done, id?: string) => {
  const wanted = id ?? events.find((event) => event._tag === "TaskStepAdded")?.step_id
  const steps = stepsOf(state)
  return steps.find((step) => step.id === wanted) ?? steps.at(-1) ?? {}
}

export const TasksHandlers = HttpApiBuilder.group(
  Api,
  "tasks",
  Effect.fnUntraced(function* (handlers) {
    const answers = yield* Answers
    const digest = yield* Digest
    const dispatcher = yield* Dispatcher
    const readModel = yield* ReadModel
    const tasks = yield* Tasks

    /** A command to one task, fenced by what the headers say, and its answer. */
    const command = <E extends Failure>(
      id: string,
      give: (task: TaskRef, envelope: Envelope, exchange: Current) => Effect.Effect<Done, E>,
      tell: (outcome: Done) => { readonly body?: object; readonly status?: number } = ({ state }) => ({
        body: shownTask(state),
      }),
    ) =>
      answers.to((exchange) =>
        versioned(dispatcher, exchange, Task, id).pipe(
          Effect.flatMap((envelope) => give({ id, claim: exchange.claim }, envelope, exchange)),
          Effect.flatMap((outcome) =>
            answers.done(exchange, outcome, { ...tell(outcome), version: outcome.seq }),
          ),
        ),
      )

    /** The same in the name of `slug`, by default the caller's. */
    const commandAs = <E extends Failure>(
      id: string,
      slug: string | undefined,
      give: (task: TaskRef, slug: string, envelope: Envelope) => Effect.Effect<Done, E>,
    ) =>
      command(id, (task, envelope, exchange) =>
        Effect.fromResult(actingAs(exchange, slug)).pipe(
          Effect.flatMap((slug): Effect.Effect<Done, Failure> => give(task, slug, envelope)),
        ),
      )

    const one = Effect.fnUntraced(function* (exchange: Current, id: string) {
      const seen = yield* answers.read(exchange, readModel.task(id))
      return seen.value === undefined ? yield* new TaskNotFound() : { seen, ...seen.value }
    })

    return handlers.handleAll({
      list: ({ query }) =>
        answers.to(
          Effect.fnUntraced(function* (exchange) {
            const { assignee, cursor: _cursor, limit: _limit, project_slug, ...filter } = query
            const slice = yield* byPosition.slice(query)
            const wanted = {
              ...(project_slug === undefined ? {} : { project_id: projectId(digest, project_slug) }),
              ...filter,
              assignee: assignee === "" ? null : assignee,
            }
            const seen = yield* answers.read(exchange, readModel.tasks(wanted, slice))
            const headers = byPosition.link(exchange.url, seen.value)
            return answers.seen(exchange, seen, seen.value.rows, { headers })
          }),
        ),
      one: ({ params }) =>
        answers.to((exchange) =>
          Effect.map(one(exchange, params.id), ({ row, seen, version }) =>
            answers.seen(exchange, seen, row, { version }),
          ),
        ),
      steps: ({ params }) =>
        answers.to((exchange) =>
          Effect.map(one(exchange, params.id), ({ row, seen, version }) =>
            answers.seen(exchange, seen, row.steps, { version }),
          ),
        ),
      history: ({ params, query }) =>
        answers.to(
          Effect.fnUntraced(function* (exchange) {
            const slice = yield* byPlace.slice(query)
            const seen = yield* answers.read(exchange, readModel.history(params.id, slice))
            if (seen.value.rows.length === 0 && query.cursor === undefined) return yield* new TaskNotFound()
            const headers = byPlace.link(exchange.url, seen.value)
            return answers.seen(exchange, seen, seen.value.rows, { headers })
          }),
        ),

      explain: ({ params }) =>
        answers.to(
          Effect.fnUntraced(function* (exchange) {
            const seen = yield* answers.read(exchange, explained(readModel, params.id))
            return seen.value === undefined
              ? yield* new TaskNotFound()
              : answers.seen(exchange, seen, seen.value)
          }),
        ),

      create: ({ payload, query }) =>
        answers.to(
          Effect.fnUntraced(function* (exchange) {
            const outcome = yield* tasks.create(query.project_slug, payload, unversioned(exchange))
            const told = { status: 201, body: shownTask(outcome.state), version: outcome.seq }
            return yield* answers.done(exchange, outcome, told)
          }),
        ),
      change: ({ params, payload }) =>
        command(params.id, (task, envelope) => tasks.change(task, payload, envelope)),
      remove: ({ params }) => command(params.id, tasks.remove, () => ({})),
      take: ({ params, query }) => commandAs(params.id, query.slug, tasks.take),
      reject: ({ params, payload }) =>
        commandAs(params.id, payload.slug, (task, slug, envelope) =>
          tasks.reject(task, slug, payload.reason, envelope),
        ),
      assign: ({ params, payload }) =>
        command(params.id, (task, envelope) => tasks.assign(task, payload.slug, envelope)),
      watch: ({ params, query }) => commandAs(params.id, query.slug, tasks.watch),
      unwatch: ({ params, query }) => commandAs(params.id, query.slug, tasks.unwatch),
      addStep: ({ params, payload }) =>
        command(
          params.id,
          (task, envelope) => tasks.addStep(task, payload.title, envelope),
          (outcome) => ({ status: 201, body: stepIn(outcome) }),
        ),
      changeStep: ({ params: { id, step_id }, payload }) =>
        command(
          id,
          (task, envelope) => tasks.changeStep(task, step_id, payload, envelope),
          (outcome) => ({ body: stepIn(outcome, step_id) }),
        ),
      removeStep: ({ params: { id, step_id } }) =>
        command(
          id,
          (task, envelope) => tasks.removeStep(task, step_id, envelope),
          () => ({}),
        ),
    })
  }),
)
