import type { Result, Schema } from "effect"

/** The kinds of aggregate there are; the type is the second to last token of the log subject. */
export type AggregateType =
  | "project"
  | "prefix"
  | "plan"
  | "task"
  | "member"
  | "presence"
  | "chat"
  | "backend"
  | "gateway"
  | "allowance"

/** The position and the time of an event on the log. `seq` is 0 while the record is not yet on the log. */
export interface Placed {
  readonly seq: number
  readonly at: string
}

/**
 * The shape every aggregate has: where it starts, how one event changes it, and how a
 * command becomes events or a refusal. All of it is pure and total; time, ids and what
 * other aggregates say arrive inside the command. A command that is already true
 * yields no events.
 *
 * `events` decodes every version that was ever stored and lifts old ones to the newest;
 * `state` is the storage format of snapshots and of the aggregate's read-model row: plain JSON.
 * `evolve` must be self-contained: its source is part of what makes a snapshot valid.
 */
export interface Aggregate<State, Command, Event extends { readonly _tag: string }, Refusal> {
  readonly type: AggregateType
  readonly events: Schema.Codec<Event, unknown>
  readonly state: Schema.Codec<State, State>
  readonly initial: State
  readonly evolve: (state: State, event: Event, placed: Placed) => State
  readonly decide: (command: Command, state: State) => Result.Result<ReadonlyArray<Event>, Refusal>
  /** The state with its own position, where it holds one: the 0 of a snapshot becomes the record's `seq`. */
  readonly locate?: (state: State, seq: number) => State
}

export const fold = <State, Event>(
  aggregate: {
    readonly initial: State
    readonly evolve: (state: State, event: Event, placed: Placed) => State
  },
  events: ReadonlyArray<Event>,
  placed: Placed,
  from: State = aggregate.initial,
): State => events.reduce((state, event) => aggregate.evolve(state, event, placed), from)

/** The source of a fold, as text that formatting alone does not change: two folds of one source are one fold. */
export const sourceOf = (evolve: unknown): string => String(evolve).replaceAll(/\s|;|,(?=\s*[\])}])/g, "")
