import type { Aggregate, AggregateType } from "./Aggregate.ts"
import { Allowance } from "./Allowance.ts"
import { Backend } from "./Backend.ts"
import { Chat } from "./Chat.ts"
import { Gateway } from "./Gateway.ts"
import { Member } from "./Member.ts"
import { Plan } from "./Plan.ts"
import { Prefix } from "./Prefix.ts"
import { Presence } from "./Presence.ts"
import { Project } from "./Project.ts"
import { Task } from "./Task.ts"
import { Tree } from "./Tree.ts"

/** The aggregate of each type: the one place that knows them all. */
const aggregates = {
  project: Project,
  prefix: Prefix,
  plan: Plan,
  task: Task,
  member: Member,
  presence: Presence,
  chat: Chat,
  backend: Backend,
  gateway: Gateway,
  allowance: Allowance,
  tree: Tree,
} satisfies Readonly<Record<AggregateType, { readonly type: AggregateType }>>

type Aggregates = typeof aggregates
export type EventOf<Type extends AggregateType> = Aggregates[Type]["events"]["Type"]
export type StateOf<Type extends AggregateType> = Aggregates[Type]["initial"]

/** An aggregate whose type is known only at run time: enough of it to fold what is on the log. */
export type SomeAggregate = Pick<
  Aggregate<unknown, never, { readonly _tag: string }, unknown>,
  "type" | "events" | "state" | "initial" | "evolve"
>

/** The aggregate of a type, whose states and events the caller only hands back to it. */
export const aggregateOf = (type: AggregateType): SomeAggregate =>
  aggregates[type] as unknown as SomeAggregate
