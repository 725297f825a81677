import { Context, type Effect, Schema } from "effect"
import type { MemberView, MessageView, ProjectView, TaskView } from "./Views.ts"

/** The read model can't be asked now: PostgreSQL is away, too slow, or being replaced. Never a defect. */
export class ReadModelUnavailable extends Schema.TaggedError<ReadModelUnavailable>()("ReadModelUnavailable", {
  reason: Schema.String,
}) {}

/** PostgreSQL answers, and will never take the values of this question. Thrown as a defect: nobody can ask it again. */
export class ValuesRefused extends Schema.TaggedError<ValuesRefused>()("ValuesRefused", {
  reason: Schema.String,
}) {}

/** An answer, and the log position that it is the state of: both from one snapshot. */
export interface Seen<Value> {
  readonly seq: number
  readonly value: Value
}

/** An aggregate's row with its version, the sequence of its newest record (its ETag). */
export interface Versioned<Value> {
  readonly version: number
  readonly row: Value
}

/** Some rows in their order, and where the next ones start; `undefined` at the end. */
export interface Page<Value, Cursor> {
  readonly rows: ReadonlyArray<Value>
  readonly next: Cursor | undefined
}

/** `limit` is trusted: 1 to 200 at the edge. `after` is the `next` of the page before. */
export interface Slice<Cursor> {
  readonly limit: number
  readonly after?: Cursor | undefined
}

/** Projects and members go by slug. */
export interface SlugCursor {
  readonly slug: string
}
/** Tasks go by position on the board, then number, then id. */
export interface TaskCursor {
  readonly position: number
  readonly number: number
  readonly id: string
}
/** Messages and history go by their place on the log: the position of a record, and the index of an event in it. */
export interface FrameSeq {
  readonly seq: number
  readonly idx: number
}

/** Every filter that is given must hold. `assignee: null` asks for free tasks; `label` for tasks that carry it. */
export interface TaskFilter {
  readonly project_id?: string | undefined
  readonly project_slug?: string | undefined
  readonly parent_id?: string | undefined
  readonly status?: string | undefined
  readonly assignee?: string | null | undefined
  readonly type?: string | undefined
  readonly priority?: string | undefined
  readonly label?: string | undefined
}

/** An event of an aggregate, as it was stored (lifted to the newest version). */
export interface HistoryEntry {
  readonly seq: number
  readonly idx: number
  readonly event: string
  readonly data: Schema.Json
  readonly actor: string
  readonly at: string
  readonly command: string
  readonly correlation: string
  readonly causation: number | null
}

/** The members that a task frame concerns; `watchers` includes who has just lost the task, as holder, reviewer or watcher. */
export interface TaskAudience {
  readonly assignee: string | null
  readonly reviewer: string | null
  readonly watchers: ReadonlyArray<string>
}
export interface MessageAudience {
  readonly author: string
  readonly author_type: string
  readonly mentions: ReadonlyArray<string>
}

/** A row of `feed`: one frame to push. `payload` is the frame's `data`. `project_id` null: the lobby, presence. */
export type Frame = {
  readonly seq: number
  readonly idx: number
  readonly project_id: string | null
} & (
  | { readonly kind: "message.new"; readonly audience: MessageAudience; readonly payload: Schema.JsonObject }
  | {
      readonly kind: "task.created" | "task.updated" | "task.assigned" | "task.deleted"
      readonly audience: TaskAudience
      readonly payload: Schema.JsonObject
    }
  | { readonly kind: "agent.status"; readonly audience: {}; readonly payload: Schema.JsonObject }
)

export interface Feed {
  /**
   * The frames in log order. When there are `limit` of them, ask again after the last one's `seq`: a record's
   * frames are never split.
   */
  readonly frames: ReadonlyArray<Frame>
  /** Frames up to this position may be gone (kept 7 days): who asks for `after < kept` can't resume. */
  readonly kept: number
}

/** Something that is to be done from `due` on. Only a hint: the decider knows. */
export interface Owed {
  readonly kind: string
  readonly id: string
  readonly due: string
  /** The number of the next attempt; the first is 1. */
  readonly attempt: number
  /** The position of the record that made it owed, the same for all attempts. */
  readonly seq: number
  /** The place that it goes to, where one that is slow must not hold up the others. */
  readonly target: string | null
}

/** Due things of one kind, those for the targets in `except` left out. */
export interface OwedFilter {
  readonly kind: string
  readonly dueBy: string
  readonly except: ReadonlyArray<string>
}

/** All that is owed of one kind, and since when the oldest of it. */
export interface Owing {
  readonly kind: string
  readonly count: number
  readonly oldest: string
}

/** A member that is not offline, and when it was last heard of; null when no signal of it is known. */
export interface Silent {
  readonly id: string
  readonly slug: string
  readonly status: MemberView["status"]
  readonly at: string | null
}

/** The data of `auth.ok`: the active projects, and the members who are not offline. */
export interface Welcome {
  readonly projects: ReadonlyArray<{ readonly id: string; readonly slug: string; readonly name: string }>
  readonly online: ReadonlyArray<string>
}

/** The standing of the read model: its position, and the number of records that it could not show. */
export interface Standing {
  readonly seq: number
  /** The identity of the log that it was made from (the stream's creation time); empty before its first record. */
  readonly log: string
  /** The hash of the last record that it shows. */
  readonly hash: string
  readonly parked: number
}

type Read<Value> = Effect.Effect<Seen<Value>, ReadModelUnavailable>

/**
 * Every question the outside asks of what the log says. Each answer is the state at one log
 * position, `seq`, and says which. Waiting for a position is `Projected`'s task, not this one's.
 */
export class ReadModel extends Context.Service<
  ReadModel,
  {
    readonly standing: Effect.Effect<Standing, ReadModelUnavailable>
    readonly projects: (slice: Slice<SlugCursor>) => Read<Page<ProjectView, SlugCursor>>
    readonly project: (
      by: { readonly slug: string } | { readonly id: string },
    ) => Read<Versioned<ProjectView> | undefined>
    readonly tasks: (filter: TaskFilter, slice: Slice<TaskCursor>) => Read<Page<TaskView, TaskCursor>>
    readonly task: (id: string) => Read<Versioned<TaskView> | undefined>
    /** The number of tasks that a member holds and that are not done; counted up to `limit`. */
    readonly held: (assignee: string, limit: number) => Read<number>
    /** Oldest first. */
    readonly history: (task: string, slice: Slice<FrameSeq>) => Read<Page<HistoryEntry, FrameSeq>>
    /** The newest `limit`, oldest first; `next` goes back. */
    readonly messages: (
      of: { readonly chat_id: string } | { readonly task_id: string },
      slice: Slice<FrameSeq>,
    ) => Read<Page<MessageView, FrameSeq>>
    readonly message: (id: string) => Read<MessageView | undefined>
    /** Oldest first. */
    readonly replies: (message: string, slice: Slice<FrameSeq>) => Read<Page<MessageView, FrameSeq>>
    readonly members: (slice: Slice<SlugCursor>) => Read<Page<MemberView, SlugCursor>>
    readonly member: (slug: string) => Read<Versioned<MemberView> | undefined>
    readonly welcome: Read<Welcome>
    /** Frames with `after < seq <= upTo`. */
    readonly feed: (range: {
      readonly after: number
      readonly upTo: number
      readonly limit: number
    }) => Read<Feed>
    /** The first `limit` by `due`, then id. */
    readonly owed: (filter: OwedFilter, limit: number) => Read<ReadonlyArray<Owed>>
    readonly owing: Read<ReadonlyArray<Owing>>
    /** Members who are not offline and were last heard of before `before`; `seq` is of the log of signals. */
    readonly silent: (before: string, limit: number) => Read<ReadonlyArray<Silent>>
  }
>()("crewlog/projections/ReadModel") {}
