import { Result, Schema } from "effect"
import type { Aggregate } from "./Aggregate.ts"
import { Limit } from "./Amount.ts"
import { differing } from "./differing.ts"
import { Slug } from "./Ids.ts"

/** The limits of a member at the gateway; days are UTC's. */
export const allowanceLimits = {
  requests_per_minute: Limit,
  tokens_per_day: Limit,
  usd_per_day: Limit,
}

// Tags and fields are the storage format: add fields with a default, never rename or remove.
export const AllowanceEvent = Schema.TaggedUnion({
  AllowanceSet: { v: Schema.tag(1), slug: Slug, ...allowanceLimits },
  AllowanceRemoved: { v: Schema.tag(1), slug: Slug },
})
export type AllowanceEvent = typeof AllowanceEvent.Type

export const AllowanceCommand = Schema.TaggedUnion({
  SetAllowance: { slug: Slug, ...allowanceLimits },
  RemoveAllowance: {},
})
export type AllowanceCommand = typeof AllowanceCommand.Type

export class AllowanceNotFound extends Schema.TaggedError<AllowanceNotFound>()("AllowanceNotFound", {}) {}
export type AllowanceRefusal = AllowanceNotFound

// The storage format of snapshots, and the read model's row.
export const AllowanceState = Schema.TaggedUnion({
  Unset: {},
  /** Once set it stays here, with its row, when it is removed: it may be set again. */
  Known: { slug: Slug, is_set: Schema.Boolean, ...allowanceLimits },
})
export type AllowanceState = typeof AllowanceState.Type

type Decision = Result.Result<ReadonlyArray<AllowanceEvent>, AllowanceRefusal>

/** A member's own limits at the gateway, in place of those of all members. The id is the member's. */
export const Allowance: Aggregate<AllowanceState, AllowanceCommand, AllowanceEvent, AllowanceRefusal> = {
  type: "allowance",
  events: AllowanceEvent,
  state: AllowanceState,
  initial: { _tag: "Unset" },

  evolve: (state, event): AllowanceState => {
    if (event._tag === "AllowanceRemoved") {
      return state._tag === "Unset" ? state : { ...state, is_set: false }
    }
    const { v: _v, ...allowance } = event
    return { ...allowance, _tag: "Known", is_set: true }
  },

  decide: (command, state): Decision => {
    const isSet = state._tag === "Known" && state.is_set
    if (command._tag === "RemoveAllowance") {
      return isSet
        ? Result.succeed([{ _tag: "AllowanceRemoved", v: 1, slug: state.slug }])
        : Result.fail(new AllowanceNotFound())
    }
    const { _tag, ...allowance } = command
    return isSet && differing(allowance, state) === undefined
      ? Result.succeed([])
      : Result.succeed([{ _tag: "AllowanceSet", v: 1, ...allowance }])
  },
}
