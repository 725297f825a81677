import { Schema } from "effect"
import { type Aggregate, type AggregateType, fold } from "../../domain/Aggregate.ts"
import { Allowance } from "../../domain/Allowance.ts"
import { Backend } from "../../domain/Backend.ts"
import { Chat } from "../../domain/Chat.ts"
import type { CommitRecord } from "../../domain/CommitRecord.ts"
import type { Digest } from "../../domain/Digest.ts"
import { Gateway } from "../../domain/Gateway.ts"
import { foldHash } from "../../domain/History.ts"
import { Member } from "../../domain/Member.ts"
import { Plan } from "../../domain/Plan.ts"
import { Prefix } from "../../domain/Prefix.ts"
import { Presence } from "../../domain/Presence.ts"
import { Project } from "../../domain/Project.ts"
import { Task } from "../../domain/Task.ts"

/** The part of a verification that one type of aggregate adds. */
export interface Checker {
  readonly initial: unknown
  readonly codec: Schema.Codec<unknown, unknown>
  /** A snapshot counts only when it names this fold. */
  readonly fold: string
  /** Throws when the record's events are not what the Schema says. */
  readonly decode: (record: CommitRecord) => ReadonlyArray<unknown>
  readonly advance: (events: ReadonlyArray<unknown>, before: unknown, seq: number, at: string) => unknown
  readonly encode: (state: unknown) => unknown
}

const checker = <State, Event extends { readonly _tag: string }>(
  aggregate: Pick<
    Aggregate<State, never, Event, unknown>,
    "type" | "events" | "state" | "initial" | "evolve"
  >,
  digest: Digest["Service"],
): Checker => {
  const decode = Schema.decodeUnknownSync(Schema.Array(aggregate.events))
  return {
    initial: aggregate.initial,
    codec: aggregate.state as Schema.Codec<unknown, unknown>,
    fold: foldHash(digest, aggregate),
    decode: ({ events }) => decode(events),
    advance: (events, before, seq, at) =>
      fold(aggregate, events as ReadonlyArray<Event>, { seq, at }, before as State),
    encode: Schema.encodeUnknownSync(aggregate.state),
  }
}

export type Checkers = Readonly<Record<AggregateType, Checker>>

export const checkersOf = (digest: Digest["Service"]): Checkers => ({
  project: checker(Project, digest),
  prefix: checker(Prefix, digest),
  plan: checker(Plan, digest),
  task: checker(Task, digest),
  member: checker(Member, digest),
  presence: checker(Presence, digest),
  chat: checker(Chat, digest),
  backend: checker(Backend, digest),
  gateway: checker(Gateway, digest),
  allowance: checker(Allowance, digest),
})
