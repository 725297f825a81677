import { Effect, Layer } from "effect"
import { layer as DigestLayer } from "../../src/adapters/node/Digest.ts"
import type { Envelope } from "../../src/commands/Envelope.ts"
import { Dispatcher, type Outcome } from "../../src/commands/dispatch.ts"
import { Receipts } from "../../src/commands/Receipts.ts"
import type { Actor } from "../../src/domain/Actor.ts"
import { knowing } from "../../src/domain/Aggregate.ts"
import { Task, TaskCommand } from "../../src/domain/Task.ts"

export const agent = (slug: string): Actor => ({ slug, name: slug, type: "agent", role: "member" })
export const ada: Actor = { slug: "ada", name: "Ada", type: "human", role: "admin" }

export const envelope = (commandId: string, over: Partial<Envelope> = {}): Envelope => ({
  actor: ada,
  commandId,
  fingerprint: "0123456789abcdef",
  correlation: "test",
  causation: null,
  ...over,
})

/** The answer to a repeat as the first one was. */
export const asFirst = <O extends Outcome<unknown, unknown>>(outcome: O): O => ({
  ...outcome,
  repeated: false,
  recorded: true,
})

/** A read model that is away: what is not remembered must be found on the log itself. */
export const NoReceipts = Layer.succeed(Receipts, {
  find: () => Effect.fail({ _tag: "ReadModelUnavailable" } as const),
})

/** A dispatcher with an empty cache, as after a restart. */
export const FreshDispatcher = Layer.fresh(Dispatcher.layer).pipe(Layer.provide([DigestLayer, NoReceipts]))

/** Tasks that wait for no other. */
export const FreeTask = knowing(Task, { open_dependencies: [] })

const { CreateTask, RejectTask, TakeTask } = TaskCommand.cases

export const createTask = (id: string, description = "") =>
  CreateTask.make({
    actor: ada,
    id,
    project_id: "3f0f4f0e-6a53-4c52-9a8e-4f1f4f1d7c5b",
    number: 1,
    key: "TE-1",
    title: "Ship it",
    description,
    type: "task",
    status: "todo",
    priority: "medium",
    labels: [],
    parent_id: null,
    reviewer_slug: null,
    position: 0,
    time_spent: 0,
    depends_on: [],
    assignee_slug: null,
  })

export const take = (slug: string) => TakeTask.make({ actor: agent(slug), slug })

export const reject = (slug: string, comment_id: string) =>
  RejectTask.make({ actor: agent(slug), slug, reason: "not mine", comment_id })
