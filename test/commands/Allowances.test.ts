import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Allowances } from "../../src/commands/Allowances.ts"
import { memberId } from "../../src/commands/identify.ts"
import { Digest } from "../../src/domain/Digest.ts"
import { Fleet } from "../../src/projections/Fleet.ts"
import { by, member, services, story } from "./services.ts"

const layer = Layer.mergeAll(Allowances.layer, Fleet.layer).pipe(Layer.provideMerge(services()))

describe("Allowances", () => {
  it.effect("allowances are set for a member, as a whole, and removed", () =>
    Effect.gen(function* () {
      yield* member("bob")
      const allowances = yield* Allowances
      const fleet = yield* Fleet
      const id = memberId(yield* Digest, "bob")
      yield* allowances.set("bob", { requests_per_minute: 60, usd_per_day: 2 }, by())
      const { seq, state } = yield* allowances.set("bob", { usd_per_day: 5 }, by())
      assert.deepInclude(state, {
        slug: "bob",
        requests_per_minute: null,
        tokens_per_day: null,
        usd_per_day: 5,
      })
      yield* fleet.caughtUp(id, seq)
      assert.deepInclude(fleet.allowanceOf(id), { usd_per_day: 5 })

      const removed = yield* allowances.remove("bob", by())
      yield* fleet.caughtUp(id, removed.seq)
      assert.isUndefined(fleet.allowanceOf(id))
      assert.strictEqual((yield* Effect.flip(allowances.remove("bob", by())))._tag, "AllowanceNotFound")
      yield* allowances.set("bob", { usd_per_day: 5 }, by())
      assert.deepStrictEqual(yield* story, [
        "member: MemberRegistered",
        "allowance: AllowanceSet",
        "allowance: AllowanceSet",
        "allowance: AllowanceRemoved",
        "allowance: AllowanceSet",
      ])
    }).pipe(Effect.provide(layer)),
  )

  it.effect("allowances are refused for who is no member", () =>
    Effect.gen(function* () {
      const allowances = yield* Allowances
      const refused = yield* Effect.flip(allowances.set("nobody", { usd_per_day: 1 }, by()))
      assert.strictEqual(refused._tag, "MemberNotFound")
      assert.strictEqual((yield* Effect.flip(allowances.remove("nobody", by())))._tag, "AllowanceNotFound")
      assert.deepStrictEqual(yield* story, [])
    }).pipe(Effect.provide(layer)),
  )
})
