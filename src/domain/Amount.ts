import { Schema } from "effect"

/** A number that comes back from JSON as it went: finite, and no negative zero. */
export const Amount = Schema.Finite.check(
  Schema.makeFilter((number: number) => (Object.is(number, -0) ? "must not be a negative zero" : undefined)),
)

/** How much of something, up to `maximum`. */
export const upTo = (maximum: number) => Amount.check(Schema.isBetween({ minimum: 0, maximum }))

/** What a limit allows; null: no limit. */
export const Limit = Schema.NullOr(upTo(1e15))
