import { Context, Effect, Layer, Result } from "effect"
import { Digest } from "../domain/Digest.ts"
import { isCurrent } from "../domain/History.ts"
import { isChosen } from "../domain/Ids.ts"
import { type DependencyCycle, Plan } from "../domain/Plan.ts"
import { Project, type ProjectRefusal, type ProjectState, reservedNumber } from "../domain/Project.ts"
import { type OpenTask, Task, type TaskCommand, type TaskEvent, type TaskState } from "../domain/Task.ts"
import { objectionToNew } from "../domain/taskDecisions.ts"
import { TaskExists, type TaskRefusal } from "../domain/TaskRefusal.ts"
import { Claims, type TooManyClaims } from "./Claims.ts"
import { type DispatchFailure, Dispatcher, type Outcome } from "./dispatch.ts"
import { type Envelope, partOf } from "./Envelope.ts"
import { idOfNew, projectId } from "./identify.ts"
import { factsOf, informed, nothingSeen, type Seen, type Unseen } from "./informed.ts"
import { People, type UnknownMember } from "./People.ts"
import { refusing } from "./refusing.ts"
import { type ParentCycle, taskChecks, type UnknownTask } from "./taskChecks.ts"

type Command<Tag> = Extract<TaskCommand, { readonly _tag: Tag }>
type Fields = Omit<Command<"CreateTask">, "_tag" | "actor" | "id" | "project_id" | "number" | "key">

/** What a new task needs: a title. */
export type NewTask = Pick<Fields, "title"> & Partial<Fields>
export type TaskChanges = Command<"ChangeTask">["changes"] & { readonly depends_on?: ReadonlyArray<string> }
/** A task, and the claim that a change to it is based on, when it is to be fenced. */
export interface TaskRef {
  readonly id: string
  readonly claim?: number | undefined
}

export type TasksRefusal =
  | TaskRefusal
  | ProjectRefusal
  | DependencyCycle
  | TooManyClaims
  | UnknownMember
  | UnknownTask
  | ParentCycle

type TaskOutcome = Effect.Effect<Outcome<TaskState, TaskEvent>, TasksRefusal | DispatchFailure>
type Known = Extract<ProjectState, { readonly _tag: "Known" }>

const RESERVE_AGAIN = 4

/** What members do with tasks. Every method is safe to repeat, also after a crash half-way. */
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
      changes: Command<"ChangeStep">["changes"],
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

      const { absent, load, look, objection } = taskChecks(dispatcher, people)

      const refuse = (id: string, refusal: TasksRefusal, envelope: Envelope): TaskOutcome =>
        dispatcher.dispatch(refusing(Task, refusal), id, undefined, envelope)

      /** Decides, and again with what turned out to matter: each time more is known. */
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

      const run = Effect.fnUntraced(function* (
        { id }: TaskRef,
        commands: ReadonlyArray<TaskCommand>,
        envelope: Envelope,
        receiver?: string | null,
      ) {
        const full = typeof receiver === "string" ? yield* claims.full(receiver) : undefined
        const outcome = yield* decide(id, commands, envelope, { ...nothingSeen, full })
        claims.note(outcome)
        return outcome
      })

      const plan = (
        project_id: string,
        task_id: string,
        depends_on: ReadonlyArray<string>,
        envelope: Envelope,
      ) =>
        dispatcher.dispatch(
          Plan,
          project_id,
          { _tag: "PlanDependencies", task_id, depends_on },
          partOf(envelope),
        )

      const reserve = Effect.fnUntraced(function* (project_id: string, task_id: string, envelope: Envelope) {
        const command = { _tag: "ReserveTaskNumber", task_id } as const
        // Every node takes its numbers from this one aggregate, and a number commits to nothing.
        const { state } = yield* dispatcher
          .dispatch(Project, project_id, command, partOf(envelope))
          .pipe(Effect.retry({ times: RESERVE_AGAIN, while: ({ _tag }) => _tag === "Contended" }))
        const number = reservedNumber(state, task_id)
        return number === undefined
          ? yield* Effect.die(new Error(`no number was reserved for ${task_id}`))
          : { number, key: `${(state as Known).prefix}-${number}` }
      })

      const create = Effect.fnUntraced(function* (project: string, task: NewTask, envelope: Envelope) {
        const project_id = projectId(digest, project)
        const id = idOfNew(digest, "task", envelope)
        // Made before under this key: the first answer, or a refusal without a trace in another project.
        const isMade = isChosen(envelope.commandId) && (yield* load(id))._tag !== "Absent"
        if (isMade) return yield* refuse(id, new TaskExists({ id }), envelope)
        const wrong = (yield* absent(task)) ?? (yield* objection(id, project_id, task))
        if (wrong !== undefined) return yield* refuse(id, wrong, envelope)

        const wanted = { ...blank, ...task, actor: envelope.actor, id, project_id }
        const { assignee_slug, depends_on } = wanted
        const full = assignee_slug === null ? undefined : yield* claims.full(assignee_slug)
        const tasks = new Map(assignee_slug === null ? [] : yield* look(depends_on))
        const seen = { tasks, full }
        // What would be refused in the end reserves nothing.
        const objected = objectionToNew(wanted, factsOf(seen)) ?? full
        if (objected !== undefined) return yield* refuse(id, objected, envelope)

        const identity = yield* reserve(project_id, id, envelope)
        if (depends_on.length > 0) yield* plan(project_id, id, depends_on, envelope)
        const outcome = yield* decide(id, [{ _tag: "CreateTask", ...wanted, ...identity }], envelope, seen)
        claims.note(outcome)
        return outcome
      })

      /** The plan as the task has it: for when the task was refused, or had been answered long ago. */
      const settle = (project_id: string, id: string, envelope: Envelope) =>
        load(id).pipe(
          Effect.flatMap((task) =>
            plan(project_id, id, task._tag === "Open" ? task.depends_on : [], {
              ...envelope,
              commandId: `:${digest.uuid()}`,
            }),
          ),
          Effect.ignore,
        )

      /** Dependencies go past the project's plan first, which refuses circles, then to the task. */
      const replan = Effect.fnUntraced(function* (
        task: OpenTask,
        commands: ReadonlyArray<TaskCommand>,
        depends_on: ReadonlyArray<string>,
        envelope: Envelope,
        run: TaskOutcome,
      ) {
        const { id, project_id } = task
        const decision = informed(nothingSeen).decide(commands, task)
        // What would be refused in the end plans nothing.
        if (Result.isFailure(decision) && !isUnseen(decision.failure)) return yield* run
        yield* plan(project_id, id, depends_on, envelope)
        const outcome = yield* run.pipe(Effect.tapError(() => settle(project_id, id, envelope)))
        if (outcome.repeated) yield* settle(project_id, id, envelope)
        return outcome
      })

      const change = Effect.fnUntraced(function* (ref: TaskRef, wanted: TaskChanges, envelope: Envelope) {
        const { actor } = envelope
        const { depends_on, ...changes } = wanted
        const wrong = yield* absent(changes)
        if (wrong !== undefined) return yield* refuse(ref.id, wrong, envelope)
        const commands: ReadonlyArray<TaskCommand> = [
          ...(depends_on === undefined
            ? []
            : [{ _tag: "SetDependencies", ...claimOf(ref), depends_on } as const]),
          { _tag: "ChangeTask", actor, ...claimOf(ref), changes },
        ]
        const done = run(ref, commands, envelope, changes.assignee_slug)
        if (depends_on === undefined && (changes.parent_id ?? null) === null) return yield* done

        const loaded = yield* dispatcher.load(Task, ref.id)
        const { state } = loaded
        if (state._tag !== "Open") return yield* done
        const objected = yield* objection(ref.id, state.project_id, wanted)
        if (objected !== undefined) return yield* refuse(ref.id, objected, envelope)
        const isSeen = envelope.ifMatch === undefined || isCurrent(envelope.ifMatch, loaded)
        return depends_on === undefined || !isSeen
          ? yield* done
          : yield* replan(state, commands, depends_on, envelope, done)
      })

      const assign = Effect.fnUntraced(function* (ref: TaskRef, slug: string, envelope: Envelope) {
        const wrong = yield* people.missing("slug", slug)
        if (wrong !== undefined) return yield* refuse(ref.id, wrong, envelope)
        const { actor } = envelope
        const command = { _tag: "AssignTask", actor, ...claimOf(ref), slug } as const
        return yield* run(ref, [command], envelope, slug)
      })

      const onBehalf = Effect.fnUntraced(function* (
        ref: TaskRef,
        command: Command<"TakeTask"> | Command<"WatchTask">,
        envelope: Envelope,
      ) {
        const { slug } = command
        const wrong = slug === envelope.actor.slug ? undefined : yield* people.missing("slug", slug)
        return wrong === undefined
          ? yield* run(ref, [command], envelope, command._tag === "TakeTask" ? slug : null)
          : yield* refuse(ref.id, wrong, envelope)
      })

      const remove = Effect.fnUntraced(function* (ref: TaskRef, envelope: Envelope) {
        const { actor } = envelope
        const outcome = yield* run(ref, [{ _tag: "DeleteTask", actor, ...claimOf(ref) }], envelope)
        if (outcome.state._tag === "Deleted") {
          const { id: task_id, project_id } = outcome.state
          yield* dispatcher.dispatch(Plan, project_id, { _tag: "ForgetTask", task_id }, partOf(envelope))
        }
        return outcome
      })

      return Tasks.of({
        create,
        change,
        take: (ref, slug, envelope) =>
          onBehalf(ref, { _tag: "TakeTask", actor: envelope.actor, slug }, envelope),
        reject: (ref, slug, reason, envelope) => {
          const comment_id = idOfNew(digest, "comment", envelope, ref.id)
          const told = { actor: envelope.actor, ...claimOf(ref), slug, reason, comment_id }
          return run(ref, [{ _tag: "RejectTask", ...told }], envelope)
        },
        assign,
        watch: (ref, slug, envelope) =>
          onBehalf(ref, { _tag: "WatchTask", actor: envelope.actor, slug }, envelope),
        unwatch: (ref, slug, envelope) =>
          run(ref, [{ _tag: "UnwatchTask", actor: envelope.actor, slug }], envelope),
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

const blank = {
  description: "",
  type: "task",
  status: "todo",
  priority: "medium",
  labels: [],
  parent_id: null,
  assignee_slug: null,
  reviewer_slug: null,
  position: 0,
  time_spent: 0,
  depends_on: [],
} as const

const claimOf = ({ claim }: TaskRef) => (claim === undefined ? {} : { claim })

const isUnseen = (refusal: TasksRefusal | Unseen): refusal is Unseen => refusal._tag === "Unseen"
