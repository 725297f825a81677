import { Schema } from "effect"

/** A number that comes back from JSON as it went: finite, and no negative zero. */
export const Amount = Schema.Finite.check(
  Schema.makeFilter((number: number) => (Object.is(number, -0) ? "must not be a negative zero" : undefined)),
)

/** An amount of something, up to `maximum`. */
export const upTo = (maximum: number) => Amount.check(Schema.isBetween({ minimum: 0, maximum }))

/** The amount that a limit allows; null is no limit. */
export const Limit = Schema.NullOr(upTo(1e15))
