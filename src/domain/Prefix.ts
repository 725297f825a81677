import { Result, Schema } from "effect"
import type { Aggregate } from "./Aggregate.ts"
import { Uuid } from "./Ids.ts"

/** The letters before the number in a task's key, and the id of this aggregate. */
export const KeyPrefix = Schema.String.check(Schema.isPattern(/^[A-Z0-9]{1,12}$/))

// Tags and fields are the storage format: add fields with a default, never rename or remove.
export const PrefixEvent = Schema.TaggedUnion({
  PrefixClaimed: { v: Schema.tag(1), project_id: Uuid },
})
export type PrefixEvent = typeof PrefixEvent.Type

export const PrefixCommand = Schema.TaggedUnion({
  ClaimPrefix: { project_id: Uuid },
})
export type PrefixCommand = typeof PrefixCommand.Type

/** Another project has this prefix, for ever. */
export class PrefixTaken extends Schema.TaggedError<PrefixTaken>()("PrefixTaken", { by: Uuid }) {}
export type PrefixRefusal = PrefixTaken

// The storage format of snapshots.
export const PrefixState = Schema.TaggedUnion({
  Free: {},
  Claimed: { project_id: Uuid },
})
export type PrefixState = typeof PrefixState.Type

type Decision = Result.Result<ReadonlyArray<PrefixEvent>, PrefixRefusal>

const claim = (project_id: string, state: PrefixState): Decision => {
  if (state._tag === "Free") return Result.succeed([{ _tag: "PrefixClaimed", v: 1, project_id }])
  return state.project_id === project_id
    ? Result.succeed([])
    : Result.fail(new PrefixTaken({ by: state.project_id }))
}

/** A prefix, claimed for one project: the aggregate's id is the prefix, so the log itself keeps it unique. */
export const Prefix: Aggregate<PrefixState, PrefixCommand, PrefixEvent, PrefixRefusal> = {
  type: "prefix",
  events: PrefixEvent,
  state: PrefixState,
  initial: { _tag: "Free" },
  evolve: (_state, event) => ({ _tag: "Claimed", project_id: event.project_id }),
  decide: (command, state) => claim(command.project_id, state),
}

/**
 * The prefixes a project may get, best first, without end: `team-board` gives TE, TEA, TEAM, ...
 * TEAMBOARD, then TE2, TE3, ... (tracker.md: a second project that would get TE gets a longer one).
 */
export function* prefixCandidates(slug: string): Generator<string, never> {
  const letters = slug.toUpperCase().replaceAll(/[^A-Z0-9]/g, "") || "P"
  for (let length = Math.min(2, letters.length); length <= Math.min(12, letters.length); length += 1) {
    yield letters.slice(0, length)
  }
  for (let number = 2; ; number += 1) yield `${letters.slice(0, 2)}${number}`
}
