import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Dispatcher, type Outcome } from "../../commands/dispatch.ts"
import { projectId } from "../../commands/identify.ts"
import { Projects } from "../../commands/Projects.ts"
import { Digest } from "../../domain/Digest.ts"
import { Project, ProjectNotFound, type ProjectEvent, type ProjectState } from "../../domain/Project.ts"
import { ReadModel } from "../../projections/ReadModel.ts"
import { Answers } from "./Answers.ts"
import { Api } from "./Api.ts"
import { bySlug } from "./cursors.ts"
import { adminsOnly, type Exchange } from "./Exchange.ts"
import { shownProject } from "./shown.ts"
import { unversioned, versioned } from "./versioned.ts"

export const ProjectsHandlers = HttpApiBuilder.group(
  Api,
  "projects",
  Effect.fnUntraced(function* (handlers) {
    const answers = yield* Answers
    const digest = yield* Digest
    const dispatcher = yield* Dispatcher
    const projects = yield* Projects
    const readModel = yield* ReadModel

    const done = (
      exchange: Exchange["Service"],
      outcome: Outcome<ProjectState, ProjectEvent>,
      status: 200 | 201,
    ) => answers.done(exchange, outcome, { status, body: shownProject(outcome.state), version: outcome.seq })

    return handlers.handleAll({
      list: ({ query }) =>
        answers.to(
          Effect.fnUntraced(function* (exchange) {
            const slice = yield* bySlug.slice(query)
            const seen = yield* answers.read(exchange, readModel.projects(slice))
            return answers.seen(exchange, seen, seen.value.rows, {
              headers: bySlug.link(exchange.url, seen.value),
            })
          }),
        ),
      one: ({ params }) =>
        answers.to(
          Effect.fnUntraced(function* (exchange) {
            const seen = yield* answers.read(exchange, readModel.project(params))
            return seen.value === undefined
              ? yield* new ProjectNotFound()
              : answers.seen(exchange, seen, seen.value.row, seen.value)
          }),
        ),
      create: ({ payload }) =>
        answers.to(
          Effect.fnUntraced(function* (exchange) {
            yield* Effect.fromResult(adminsOnly(exchange, "create projects"))
            return yield* done(exchange, yield* projects.create(payload, unversioned(exchange)), 201)
          }),
        ),
      change: ({ params: { slug }, payload }) =>
        answers.to(
          Effect.fnUntraced(function* (exchange) {
            yield* Effect.fromResult(adminsOnly(exchange, "change projects"))
            const envelope = yield* versioned(dispatcher, exchange, Project, projectId(digest, slug))
            return yield* done(exchange, yield* projects.change(slug, payload, envelope), 200)
          }),
        ),
    })
  }),
)
