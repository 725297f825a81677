import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import type { Envelope } from "../../src/commands/Envelope.ts"
import { Members } from "../../src/commands/Members.ts"
import { Projects } from "../../src/commands/Projects.ts"
import { Tokens } from "../../src/commands/Tokens.ts"
import { asFirst, FreshDispatcher } from "../support/commands.ts"
import { by, records, services, story } from "./services.ts"

const bob = { name: "Bob", slug: "bob", type: "agent" } as const

describe("Members", () => {
  it.effect("the service of members shows a token once and keeps its hash only", () =>
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

  it.effect("the service of members gives the same token for the same command, also later", () =>
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

  it.effect(
    "the service of members refuses a used key for another member, another project and back, and records nothing of it",
    () =>
      Effect.gen(function* () {
        const members = yield* Members
        const projects = yield* Projects
        yield* members.register({ name: "Ada", slug: "ada", type: "human" }, by())
        const register = (slug: string, envelope: Envelope) => members.register({ ...bob, slug }, envelope)
        const create = (slug: string, envelope: Envelope) => projects.create({ name: slug, slug }, envelope)
        const [a, b] = [by({ fingerprint: "a" }), by({ fingerprint: "b" })]
        const member = yield* register("bob", a)
        const project = yield* create("board", b)
        const before = yield* story
        for (const { commandId } of [a, b]) {
          const other = by({ commandId, fingerprint: "other" })
          for (const refused of [create("next", other), register("eve", other)]) {
            assert.strictEqual(
              (yield* Effect.flip<object, { readonly _tag: string }, never>(refused))._tag,
              "KeyReused",
            )
          }
        }
        assert.deepStrictEqual((yield* register("bob", a)).token, member.token)
        assert.deepStrictEqual(asFirst(yield* create("board", b)), project)
        assert.deepStrictEqual(yield* story, before)
      }).pipe(Effect.provide(services())),
  )

  it.effect("the service of members leaves the key of a registration that was refused to the next one", () =>
    Effect.gen(function* () {
      const members = yield* Members
      yield* members.register({ name: "Ada", slug: "ada", type: "human" }, by())
      const envelope = by()
      for (const slug of ["ada", "crewlog"]) {
        const refused = members.register({ ...bob, slug }, { ...envelope, fingerprint: slug })
        assert.strictEqual((yield* Effect.flip(refused))._tag, "MemberExists")
      }
      yield* members.register(bob, envelope)
    }).pipe(Effect.provide(services())),
  )

  it.live("the service of members makes one of two that come at once under one key, on two nodes", () =>
    Effect.gen(function* () {
      const here = yield* Members
      yield* here.register({ name: "Ada", slug: "ada", type: "human" }, by())
      const there = yield* Effect.provide(
        Members,
        Layer.fresh(Members.layer).pipe(Layer.provide(FreshDispatcher)),
      )
      for (let round = 0; round < 20; round += 1) {
        const { commandId } = by()
        const slugs = [`one-${round}`, `two-${round}`]
        const results = yield* Effect.forEach(
          slugs,
          (slug, node) =>
            Effect.result(
              (node === 0 ? here : there).register({ ...bob, slug }, by({ commandId, fingerprint: slug })),
            ),
          { concurrency: "unbounded" },
        )
        const refused = results.flatMap((one) => (one._tag === "Failure" ? [one.failure._tag] : []))
        assert.deepStrictEqual(refused, ["KeyReused"])
      }
    }).pipe(Effect.provide(services())),
  )

  it.effect("the service of members refuses a slug that is taken, and who is not there", () =>
    Effect.gen(function* () {
      const members = yield* Members
      yield* members.register(bob, by())
      assert.strictEqual((yield* Effect.flip(members.register(bob, by())))._tag, "MemberExists")
      assert.strictEqual((yield* Effect.flip(members.rotate("eve", by())))._tag, "MemberNotFound")
      assert.strictEqual((yield* Effect.flip(members.change("eve", {}, by())))._tag, "MemberNotFound")
    }).pipe(Effect.provide(services())),
  )
})
