import { Schema } from "effect"
import { type AggregateType, type Evolving, fold, sourceOf } from "../domain/Aggregate.ts"
import { Allowance, type AllowanceEvent, type AllowanceState } from "../domain/Allowance.ts"
import { Backend, type BackendEvent, type BackendState } from "../domain/Backend.ts"
import { Chat, type ChatEvent, type ChatState } from "../domain/Chat.ts"
import type { CommitRecord, Recorded } from "../domain/CommitRecord.ts"
import { Gateway, type GatewayEvent, type GatewayState } from "../domain/Gateway.ts"
import { Member, type MemberEvent, type MemberState } from "../domain/Member.ts"
import { Plan, type PlanEvent } from "../domain/Plan.ts"
import { Prefix, type PrefixEvent } from "../domain/Prefix.ts"
import { Presence, type PresenceEvent, type PresenceState } from "../domain/Presence.ts"
import { Project, type ProjectEvent, type ProjectState } from "../domain/Project.ts"
import { Task, type TaskEvent, type TaskState } from "../domain/Task.ts"
import type { StateTable } from "./StateTable.ts"
import { allowance, backend, chat, gateway, member, presence, project, task } from "./StateTables.ts"

interface CommitOf<Type extends AggregateType, Event, State> {
  readonly type: Type
  readonly id: string
  readonly seq: number
  readonly record: CommitRecord
  /** Decoded and lifted to their newest version. */
  readonly events: ReadonlyArray<Event>
  /** The aggregate before and after these events; undefined for types without a table. */
  readonly before: State
  readonly after: State
}

/** What a projection is given: one command's outcome, and what it did to its aggregate. */
export type Commit =
  | CommitOf<"project", ProjectEvent, ProjectState>
  | CommitOf<"prefix", PrefixEvent, undefined>
  | CommitOf<"plan", PlanEvent, undefined>
  | CommitOf<"task", TaskEvent, TaskState>
  | CommitOf<"member", MemberEvent, MemberState>
  | CommitOf<"presence", PresenceEvent, PresenceState>
  | CommitOf<"chat", ChatEvent, ChatState>
  | CommitOf<"backend", BackendEvent, BackendState>
  | CommitOf<"gateway", GatewayEvent, GatewayState>
  | CommitOf<"allowance", AllowanceEvent, AllowanceState>

/** How commits of one type are made. `table` is undefined where nobody asks for the state. */
export interface Kind {
  readonly initial: unknown
  readonly table: StateTable<unknown> | undefined
  /** Throws when the record's events are not what this program knows. */
  readonly commit: (recorded: Recorded, before: unknown) => Commit
  /** Changes when the fold does: tables that an older one made are then made anew. */
  readonly source: string
}

const decoder = <Event>(events: Schema.Codec<Event, unknown>) =>
  Schema.decodeUnknownSync(Schema.Array(events))

const stateful = <State, Event>(
  aggregate: Pick<Evolving<State, Event>, "type" | "events" | "initial" | "evolve">,
  table: StateTable<State>,
): Kind => {
  const decode = decoder(aggregate.events)
  return {
    initial: aggregate.initial,
    table: table as StateTable<unknown>,
    source: sourceOf(aggregate.evolve),
    commit: ({ record, seq, subject }, before) => {
      const events = decode(record.events)
      const after = fold(aggregate, events, { seq, at: record.at }, before as State)
      // The type follows from the subject's, which chose this aggregate.
      return { ...subject, seq, record, events, before, after } as unknown as Commit
    },
  }
}

const stateless = <Event>(events: Schema.Codec<Event, unknown>): Kind => {
  const decode = decoder(events)
  return {
    initial: undefined,
    table: undefined,
    source: "",
    commit: ({ record, seq, subject }) =>
      ({ ...subject, seq, record, events: decode(record.events) }) as unknown as Commit,
  }
}

export const kinds: Readonly<Record<AggregateType, Kind>> = {
  project: stateful(Project, project),
  prefix: stateless(Prefix.events),
  plan: stateless(Plan.events),
  task: stateful(Task, task),
  member: stateful(Member, member),
  presence: stateful(Presence, presence),
  chat: stateful(Chat, chat),
  backend: stateful(Backend, backend),
  gateway: stateful(Gateway, gateway),
  allowance: stateful(Allowance, allowance),
}
