import type { Result, Schema } from "effect"

/**
 * The kinds of aggregate there are, from which every other list of them derives. The type is the second to last
 * token of the log subject. New ones go to the end: tables are made in this order.
 */
export const aggregateTypes = [
  "project",
  "prefix",
  "plan",
  "task",
  "member",
  "presence",
  "chat",
  "backend",
  "gateway",
  "allowance",
  "tree",
] as const
export type AggregateType = (typeof aggregateTypes)[number]

const types: ReadonlySet<string> = new Set(aggregateTypes)

/** False for the types of a newer program. */
export const isAggregateType = (type: string): type is AggregateType => types.has(type)

/** An object with an entry for each type. */
export const forEachType = <Entry>(
  make: (type: AggregateType) => Entry,
): Readonly<Record<AggregateType, Entry>> =>
  Object.fromEntries(aggregateTypes.map((type) => [type, make(type)])) as Record<AggregateType, Entry>

/** The position and the time of an event on the log. `seq` is 0 while the record is not yet on the log. */
export interface Placed {
  readonly seq: number
  readonly at: string
}

/**
 * The past of an aggregate: where it starts, and how one event changes it.
 *
 * `events` decodes every version that was ever stored and lifts old ones to the newest;
 * `state` is the storage format of snapshots and of the aggregate's read-model row: plain JSON.
 * `evolve` must be self-contained: its source is part of what makes a snapshot valid.
 */
export interface Evolving<State, Event> {
  readonly type: AggregateType
  readonly events: Schema.Codec<Event, unknown>
  readonly state: Schema.Codec<State, State>
  readonly initial: State
  readonly evolve: (state: State, event: Event, placed: Placed) => State
  /** For states that hold their own position: replaces the 0 of a snapshot by the record's `seq`. */
  readonly locate?: (state: State, seq: number) => State
}

/**
 * The shape every aggregate has: its past, and how a command becomes events or a refusal. All of it
 * is pure and total. A command is what somebody wants, with the time and the ids that it needs; facts
 * are what is known of the rest of the world when it is decided, for aggregates that have to know
 * something. A command that is already true yields no events.
 */
export interface Aggregate<
  State,
  Command,
  Event extends { readonly _tag: string },
  Refusal,
  Facts = void,
> extends Evolving<State, Event> {
  readonly decide: (
    command: Command,
    state: State,
    facts: Facts,
  ) => Result.Result<ReadonlyArray<Event>, Refusal>
}

/** The aggregate once the facts are known: what is left to decide on is the command and the state. */
export const knowing = <State, Command, Event extends { readonly _tag: string }, Refusal, Facts>(
  aggregate: Aggregate<State, Command, Event, Refusal, Facts>,
  facts: Facts,
): Aggregate<State, Command, Event, Refusal> => ({
  ...aggregate,
  decide: (command, state) => aggregate.decide(command, state, facts),
})

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
