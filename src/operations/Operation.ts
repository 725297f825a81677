import { Effect, type Schema, type Stream } from "effect"
import { Dispatcher } from "../commands/dispatch.ts"
import type { Envelope } from "../commands/Envelope.ts"
import type { Actor } from "../domain/Actor.ts"
import type { AggregateType, Evolving } from "../domain/Aggregate.ts"
import { Digest } from "../domain/Digest.ts"
import type { LogDamaged, LogUnavailable, NewerRecord } from "../domain/EventLog.ts"
import { isCurrent } from "../domain/History.ts"
import type { RosterMember } from "../projections/Roster.ts"
import type { Asked } from "./Asked.ts"
import type { Failure } from "./refusals.ts"
import type { Right } from "./rights.ts"

/** The fields of an input, each read without any service. */
export type Fields = Readonly<Record<string, Schema.Codec<unknown, unknown>>>
type Input<InputFields extends Fields> = Schema.Struct<InputFields>["Type"]

/** Method, path and status of success of a REST route; 204 answers nothing. */
export type Route = readonly [
  method: "GET" | "POST" | "PATCH" | "PUT" | "DELETE",
  path: `/api/${string}` | "/dashboard/sse",
  status: 200 | 201 | 204,
]

/** Everything about a row that documents tell, and that each door needs to offer it. */
interface Described<InputFields extends Fields> {
  /** The end of the NATS subject `crew.cmd.<agent>.<name>`, the name of the span, a part of the fingerprint. */
  readonly name: string
  /** A few words, without a full stop. */
  readonly summary: string
  /** Sentences in Markdown: rules, effects, what to do next. */
  readonly description: string
  /** Path, query and body in one object. */
  readonly input: InputFields
  /** Fields that stand in the query of the REST route. Those of the path are there; the rest is the body. */
  readonly query?: ReadonlyArray<keyof InputFields & string>
  /** None: the WebSocket or NATS alone offers it. */
  readonly rest?: Route
  readonly may: Right<Input<InputFields>>
  /** Refusals beside those that every operation of its kind can give (refusalsOf.ts). */
  readonly refusals: ReadonlyArray<Failure["_tag"]>
  readonly example: { readonly input: Schema.Struct<InputFields>["Encoded"]; readonly output?: unknown }
}

/** The part of a command's outcome that every door goes by. */
export interface Done {
  readonly seq: number
  /** A record was appended for this very answer. */
  readonly recorded: boolean
}

/** The aggregate that a command changes. */
export interface About<Input> {
  readonly type: AggregateType
  /** The one of several versions that is current; 0, which nothing has, when none is. */
  current(
    seen: ReadonlyArray<number>,
    input: Input,
  ): Effect.Effect<number, LogUnavailable | LogDamaged | NewerRecord, Dispatcher | Digest>
}

/** Names the aggregate that a command changes by the id that its input says. */
export const about = <State, Event, Input>(
  aggregate: Evolving<State, Event>,
  idOf: (input: Input, digest: Digest["Service"]) => string,
): About<Input> => ({
  type: aggregate.type,
  current: Effect.fnUntraced(function* (seen: ReadonlyArray<number>, input: Input) {
    const dispatcher = yield* Dispatcher
    const loaded = yield* dispatcher.load(aggregate, idOf(input, yield* Digest))
    return seen.find((version) => isCurrent(version, loaded)) ?? 0
  }),
})

/** The surroundings that a command is given with. */
export interface Given {
  readonly member: RosterMember
  readonly actor: Actor
  readonly claim: number | undefined
  readonly envelope: Envelope
  /** The connection that the command came by. */
  readonly source: string
}

/**
 * A mutation. `give` hands the decoded input to a command service; `tell` makes the answer's body of the outcome,
 * nothing where REST answers 204.
 */
export interface Command<
  InputFields extends Fields,
  Result extends Done,
  Refusal extends Failure,
  Requirements,
  KnownRequirements,
> extends Described<InputFields> {
  readonly output?: Schema.Top
  /** Fields of what is answered that a client may send back as it read them: they are not looked at. */
  readonly shown?: Fields
  /** The aggregate that `If-Match` and `Crewlog-Claim` are about; none: the command makes something new. */
  readonly of?: About<Input<InputFields>>
  /** The answer shows an aggregate, whose version is its position. */
  readonly isVersioned?: boolean
  /** Ends when this node itself goes by the command: its roster, or its fleet. */
  known?(result: NoInfer<Result>, input: Input<InputFields>): Effect.Effect<void, never, KnownRequirements>
  /** The answer need not wait for the tables: questions about it are answered from memory. */
  readonly isInMemory?: boolean
  give(input: Input<InputFields>, given: Given): Effect.Effect<Result, Refusal, Requirements>
  tell?(result: NoInfer<Result>): object
}

/** The answer to a question, and the position that it is the state of; none for what is not on the log. */
export interface Answer {
  readonly seq?: number
  readonly body: object
  /** The version of what is shown. */
  readonly version?: number
  /** A word for what is shown beyond the aggregate that has this version: another one, another entity tag. */
  readonly more?: string
  /** Fields of the input that ask for the next page; none at the end. */
  readonly next?: Readonly<Record<string, string | number>>
}

/** A question. From the tables it waits until they show what the asker has seen; else it is answered from memory or the log. */
export interface Question<
  InputFields extends Fields,
  Refusal extends Failure,
  Requirements,
> extends Described<InputFields> {
  readonly output: Schema.Top
  readonly from: "tables" | "memory" | "log" | "usage"
  /** The answer shows one thing, with its version. */
  readonly isVersioned?: boolean
  /** The position that the tables must show for this input, beside the one that was asked for. */
  atLeast?(input: Input<InputFields>): number
  ask(input: Input<InputFields>, asked: Asked): Effect.Effect<Answer, Refusal, Requirements>
}

/** Server-sent events without an end, for REST alone: NATS has `crew.live.>`. */
export interface Watch<
  InputFields extends Fields,
  Refusal extends Failure,
  Requirements,
> extends Described<InputFields> {
  readonly rest: Route
  open(
    input: Input<InputFields>,
    asked: Asked,
  ): Effect.Effect<{ readonly seq?: number; readonly events: Stream.Stream<string> }, Refusal, Requirements>
}

/** Declares a mutation as a row. */
export const command = <
  const InputFields extends Fields,
  Result extends Done,
  Refusal extends Failure,
  Requirements,
  KnownRequirements = never,
>(
  row: Command<InputFields, Result, Refusal, Requirements, KnownRequirements>,
) => ({ kind: "command" as const, ...row })

/** Declares a question as a row. */
export const question = <const InputFields extends Fields, Refusal extends Failure, Requirements>(
  row: Question<InputFields, Refusal, Requirements>,
) => ({
  kind: "question" as const,
  ...row,
})

/** Declares a stream of events as a row. */
export const watch = <const InputFields extends Fields, Refusal extends Failure, Requirements>(
  row: Watch<InputFields, Refusal, Requirements>,
) => ({
  kind: "watch" as const,
  ...row,
})
