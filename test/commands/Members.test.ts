import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Members } from "../../src/commands/Members.ts"
import { Tokens } from "../../src/commands/Tokens.ts"
import { by, records, services } from "./services.ts"

const bob = { name: "Bob", slug: "bob", type: "agent" } as const

describe("Members", () => {
  it.effect("shows a token once and keeps its hash only", () =>
    Effect.gen(function* () {
      const members = yield* Members
      const { outcome, token } = yield* members.register(bob, by())
      assert.match(token, /^tb-[\w-]{43}$/)
      assert.deepInclude(outcome.state, {
        slug: "bob",
        role: "member",
        token_hash: (yield* Tokens).hash(token),
      })
      assert.notInclude(JSON.stringify(yield* records), token)
    }).pipe(Effect.provide(services())),
  )

  it.effect("gives the same token for the same command, also later", () =>
    Effect.gen(function* () {
      const members = yield* Members
      const envelope = by()
      const first = yield* members.register(bob, envelope)
      const rotation = by()
      const rotated = yield* members.rotate("bob", rotation)
      assert.notStrictEqual(rotated.token, first.token)
      assert.strictEqual((yield* members.register(bob, envelope)).token, first.token)
      assert.strictEqual((yield* members.rotate("bob", rotation)).token, rotated.token)
    }).pipe(Effect.provide(services())),
  )

  it.effect("refuses a slug that is taken, and who is not there", () =>
    Effect.gen(function* () {
      const members = yield* Members
      yield* members.register(bob, by())
      assert.strictEqual((yield* Effect.flip(members.register(bob, by())))._tag, "MemberExists")
      assert.strictEqual((yield* Effect.flip(members.rotate("eve", by())))._tag, "MemberNotFound")
      assert.strictEqual((yield* Effect.flip(members.change("eve", {}, by())))._tag, "MemberNotFound")
    }).pipe(Effect.provide(services())),
  )
})
