import { Result, Schema } from "effect"
import type { Aggregate } from "./Aggregate.ts"
import { differing } from "./differing.ts"
import { Slug } from "./Ids.ts"

/** Null: no limit. */
const limit = Schema.NullOr(Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1e15 })))

/** What a member may spend at the gateway; days are UTC's. */
export const allowanceLimits = {
  requests_per_minute: limit,
  tokens_per_day: limit,
  usd_per_day: limit,
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
  Set: { slug: Slug, ...allowanceLimits },
})
export type AllowanceState = typeof AllowanceState.Type

type Decision = Result.Result<ReadonlyArray<AllowanceEvent>, AllowanceRefusal>

/** What one member may ask of the gateway, where it is other than what all may. The id is the member's. */
export const Allowance: Aggregate<AllowanceState, AllowanceCommand, AllowanceEvent, AllowanceRefusal> = {
  type: "allowance",
  events: AllowanceEvent,
  state: AllowanceState,
  initial: { _tag: "Unset" },

  evolve: (_state, event): AllowanceState => {
    if (event._tag === "AllowanceRemoved") return { _tag: "Unset" }
    const { v: _v, ...allowance } = event
    return { ...allowance, _tag: "Set" }
  },

  decide: (command, state): Decision => {
    if (command._tag === "RemoveAllowance") {
      return state._tag === "Unset"
        ? Result.fail(new AllowanceNotFound())
        : Result.succeed([{ _tag: "AllowanceRemoved", v: 1, slug: state.slug }])
    }
    const { _tag, ...allowance } = command
    return state._tag === "Set" && differing(allowance, state) === undefined
      ? Result.succeed([])
      : Result.succeed([{ _tag: "AllowanceSet", v: 1, ...allowance }])
  },
}
