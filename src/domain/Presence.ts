import { Result, Schema } from "effect"
import type { Aggregate } from "./Aggregate.ts"
import { Instant, Slug } from "./Ids.ts"

/** The statuses that a member may report of itself; only silence makes it offline. */
export const ReportedStatus = Schema.Literals(["online", "busy", "idle"])
export const PresenceStatus = Schema.Literals([...ReportedStatus.literals, "offline"])

// Tags and fields are the storage format: add fields with a default, never rename or remove.
export const PresenceEvent = Schema.TaggedUnion({
  /** `last_seen` is when a member that went offline was last heard of, if known; null for reports. */
  PresenceChanged: {
    v: Schema.tag(1),
    slug: Slug,
    from: PresenceStatus,
    to: PresenceStatus,
    last_seen: Schema.NullOr(Instant),
  },
})
export type PresenceEvent = typeof PresenceEvent.Type

export const PresenceCommand = Schema.TaggedUnion({
  ReportPresence: { slug: Slug, status: ReportedStatus },
  /** Changes nothing when the member reported a change after `seen_after`: then it is not silent. */
  MarkOffline: { slug: Slug, last_seen: Schema.NullOr(Instant), seen_after: Schema.optionalKey(Instant) },
})
export type PresenceCommand = typeof PresenceCommand.Type

// The storage format of snapshots, and the read model's row. `Unseen` counts as offline.
export const PresenceState = Schema.TaggedUnion({
  Unseen: {},
  Seen: { slug: Slug, status: PresenceStatus, last_seen: Schema.NullOr(Instant), updated_at: Instant },
})
export type PresenceState = typeof PresenceState.Type

/** The status of a member; one that was never seen is offline. */
export const statusOf = (state: PresenceState) => (state._tag === "Unseen" ? "offline" : state.status)

type Decision = Result.Result<ReadonlyArray<PresenceEvent>, never>
const nothing: Decision = Result.succeed([])

const change = (
  slug: string,
  to: typeof PresenceStatus.Type,
  last_seen: string | null,
  state: PresenceState,
): Decision =>
  to === statusOf(state)
    ? nothing
    : Result.succeed([{ _tag: "PresenceChanged", v: 1, slug, from: statusOf(state), to, last_seen }])

/** A member's presence: transitions only, since heartbeats are signals. The id is the member's. */
export const Presence: Aggregate<PresenceState, PresenceCommand, PresenceEvent, never> = {
  type: "presence",
  events: PresenceEvent,
  state: PresenceState,
  initial: { _tag: "Unseen" },

  evolve: (_state, event, { at }) => ({
    _tag: "Seen",
    slug: event.slug,
    status: event.to,
    last_seen: event.to === "offline" ? event.last_seen : at,
    updated_at: at,
  }),

  decide: (command, state) =>
    PresenceCommand.match(command, {
      ReportPresence: ({ slug, status }) => change(slug, status, null, state),
      MarkOffline: ({ slug, last_seen, seen_after }) =>
        seen_after !== undefined && state._tag === "Seen" && state.updated_at > seen_after
          ? nothing
          : change(slug, "offline", last_seen, state),
    }),
}
