import { Effect } from "effect"
import { Chats } from "../../commands/Chats.ts"
import { Dispatcher, type Outcome } from "../../commands/dispatch.ts"
import type { Envelope } from "../../commands/Envelope.ts"
import { Heartbeats } from "../../commands/Heartbeats.ts"
import { memberId, projectId } from "../../commands/identify.ts"
import { Members } from "../../commands/Members.ts"
import { Projects } from "../../commands/Projects.ts"
import { Tasks, type TaskRef } from "../../commands/Tasks.ts"
import { Settings } from "../../config.ts"
import { Digest } from "../../domain/Digest.ts"
import { Member, type MemberEvent, type MemberState } from "../../domain/Member.ts"
import { Project } from "../../domain/Project.ts"
import { Task, type TaskEvent, type TaskState } from "../../domain/Task.ts"
import { Projected } from "../../projections/Projected.ts"
import { Roster } from "../../projections/Roster.ts"
import { actingAs, adminsOnly, type Exchange } from "../http/Exchange.ts"
import { placeOf } from "../http/messages.ts"
import { shownMember, shownProject, shownTask } from "../http/shown.ts"
import { stepIn } from "../http/tasks.ts"
import { unversioned, versioned } from "../http/versioned.ts"
import type { Failure } from "../refusals.ts"
import type { CommandName, InputOf } from "./agentCommands.ts"

type Current = Exchange["Service"]
type TaskOutcome = Outcome<TaskState, TaskEvent>

/** What a command led to, and what the answer shows of it. */
export interface Handled {
  readonly outcome: Pick<Outcome<unknown, unknown>, "seq" | "recorded">
  readonly body?: object
}

type Handlers = {
  readonly [Name in CommandName]: (input: InputOf<Name>, exchange: Current) => Effect.Effect<Handled, Failure>
}

/** What each command of an agent does: the rules are those of the REST route of the same name. */
export const makeAgentHandlers = Effect.gen(function* () {
  const chats = yield* Chats
  const digest = yield* Digest
  const dispatcher = yield* Dispatcher
  const heartbeats = yield* Heartbeats
  const members = yield* Members
  const projected = yield* Projected
  const projects = yield* Projects
  const roster = yield* Roster
  const tasks = yield* Tasks
  const { readWait } = yield* Settings

  const onTask: <E extends Failure>(
    id: string,
    exchange: Current,
    give: (task: TaskRef, envelope: Envelope) => Effect.Effect<TaskOutcome, E>,
    tell?: (outcome: TaskOutcome) => object | undefined,
  ) => Effect.Effect<Handled, Failure> = Effect.fnUntraced(function* (
    id,
    exchange,
    give,
    tell = ({ state }) => shownTask(state),
  ) {
    const envelope = yield* versioned(dispatcher, exchange, Task, id)
    const outcome: TaskOutcome = yield* give({ id, claim: exchange.claim }, envelope)
    const body = tell(outcome)
    return { outcome, ...(body === undefined ? {} : { body }) }
  })

  /** The same in the name of `slug`, by default the caller's. */
  const onTaskAs = <E extends Failure>(
    { id, slug }: { readonly id: string; readonly slug?: string },
    exchange: Current,
    give: (task: TaskRef, slug: string, envelope: Envelope) => Effect.Effect<TaskOutcome, E>,
  ): Effect.Effect<Handled, Failure> =>
    Effect.flatMap(Effect.fromResult(actingAs(exchange, slug)), (named) =>
      onTask(id, exchange, (task, envelope) => give(task, named, envelope)),
    )

  const versionedMember = (exchange: Current, slug: string) =>
    versioned(dispatcher, exchange, Member, memberId(digest, slug))

  /** Told once this node knows the member's new token and rights as well. */
  const admitted = ({ state, ...outcome }: Outcome<MemberState, MemberEvent>, body: object) =>
    (state._tag === "Absent" ? Effect.void : roster.caughtUp(state.id, outcome.seq)).pipe(
      Effect.timeout(readWait),
      Effect.ignore,
      Effect.as<Handled>({ outcome, body }),
    )

  const handlers: Handlers = {
    "project.create": Effect.fnUntraced(function* (project, exchange) {
      yield* Effect.fromResult(adminsOnly(exchange, "create projects"))
      const outcome = yield* projects.create(project, unversioned(exchange))
      return { outcome, body: shownProject(outcome.state) }
    }),
    "project.change": Effect.fnUntraced(function* ({ slug, ...changes }, exchange) {
      yield* Effect.fromResult(adminsOnly(exchange, "change projects"))
      const envelope = yield* versioned(dispatcher, exchange, Project, projectId(digest, slug))
      const outcome = yield* projects.change(slug, changes, envelope)
      return { outcome, body: shownProject(outcome.state) }
    }),

    "task.create": Effect.fnUntraced(function* ({ project_slug, ...task }, exchange) {
      const outcome = yield* tasks.create(project_slug, task, unversioned(exchange))
      return { outcome, body: shownTask(outcome.state) }
    }),
    "task.change": ({ id, ...changes }, exchange) =>
      onTask(id, exchange, (task, envelope) => tasks.change(task, changes, envelope)),
    "task.remove": ({ id }, exchange) => onTask(id, exchange, tasks.remove, () => undefined),
    "task.take": (input, exchange) => onTaskAs(input, exchange, tasks.take),
    "task.reject": (input, exchange) =>
      onTaskAs(input, exchange, (task, slug, envelope) => tasks.reject(task, slug, input.reason, envelope)),
    "task.assign": ({ id, slug }, exchange) =>
      onTask(id, exchange, (task, envelope) => tasks.assign(task, slug, envelope)),
    "task.watch": (input, exchange) => onTaskAs(input, exchange, tasks.watch),
    "task.unwatch": (input, exchange) => onTaskAs(input, exchange, tasks.unwatch),
    "task.step.add": ({ id, title }, exchange) =>
      onTask(id, exchange, (task, envelope) => tasks.addStep(task, title, envelope), stepIn),
    "task.step.change": ({ id, step_id, ...changes }, exchange) =>
      onTask(
        id,
        exchange,
        (task, envelope) => tasks.changeStep(task, step_id, changes, envelope),
        (outcome) => stepIn(outcome, step_id),
      ),
    "task.step.remove": ({ id, step_id }, exchange) =>
      onTask(
        id,
        exchange,
        (task, envelope) => tasks.removeStep(task, step_id, envelope),
        () => undefined,
      ),

    "message.send": Effect.fnUntraced(function* (message, exchange) {
      const place = yield* placeOf(message)
      const { message: body, outcome } = yield* chats.post(place, message, unversioned(exchange))
      return { outcome, body }
    }),

    "member.register": Effect.fnUntraced(function* (member, exchange) {
      yield* Effect.fromResult(adminsOnly(exchange, "register members"))
      const { outcome, token } = yield* members.register(member, unversioned(exchange))
      return yield* admitted(outcome, { member: shownMember(outcome.state), token })
    }),
    "member.change": Effect.fnUntraced(function* ({ slug, ...changes }, exchange) {
      if (changes.role !== undefined || changes.is_enabled !== undefined) {
        yield* Effect.fromResult(adminsOnly(exchange, "change who is an admin, or enabled"))
      }
      yield* Effect.fromResult(actingAs(exchange, slug))
      const outcome = yield* members.change(slug, changes, yield* versionedMember(exchange, slug))
      return yield* admitted(outcome, shownMember(outcome.state))
    }),
    "member.rotate": Effect.fnUntraced(function* ({ slug }, exchange) {
      yield* Effect.fromResult(actingAs(exchange, slug))
      const { outcome, token } = yield* members.rotate(slug, yield* versionedMember(exchange, slug))
      return yield* admitted(outcome, { token })
    }),

    "presence.report": Effect.fnUntraced(function* ({ status }, { member }) {
      yield* heartbeats.beat(member, status)
      return { outcome: { seq: yield* projected.current, recorded: false } }
    }),
  }
  return handlers
})
