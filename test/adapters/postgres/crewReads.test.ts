import { assert, describe } from "@effect/vitest"
import { Effect } from "effect"
import { after, fresh } from "./reading.ts"

describe("the crew", () => {
  fresh("the crew has projects, members with their status, and a welcome")(
    Effect.gen(function* () {
      const { alpha, bob, model } = yield* after(({ archive, member, project, report }) => {
        const alpha = project("alpha")
        archive(project("beta", { prefix: "BE" }))
        const bob = member("bob")
        member("ada")
        report(bob, "bob", "busy")
        return { alpha, bob }
      })
      const projects = yield* model.projects({ limit: 1 })
      assert.deepStrictEqual(
        projects.value.rows.map(({ slug }) => slug),
        ["alpha"],
      )
      const others = yield* model.projects({ limit: 1, after: projects.value.next })
      assert.deepStrictEqual(
        others.value.rows.map(({ slug, status }) => [slug, status]),
        [["beta", "archived"]],
      )
      const one = yield* model.project({ slug: "alpha" })
      assert.deepStrictEqual(one, yield* model.project({ id: alpha }))
      assert.strictEqual(one.value?.version, 1)
      assert.notProperty(one.value?.row, "reserved")

      const members = yield* model.members({ limit: 10 })
      assert.deepStrictEqual(
        members.value.rows.map(({ slug, status }) => [slug, status]),
        [
          ["ada", "offline"],
          ["bob", "busy"],
        ],
      )
      const { value: member } = yield* model.member("bob")
      assert.deepInclude(member?.row, { id: bob, status: "busy", chat_listen: "mentions", is_enabled: true })
      assert.notProperty(member?.row, "token_hash")
      assert.isUndefined((yield* model.member("nobody")).value)
      assert.deepStrictEqual((yield* model.welcome).value, {
        projects: [{ id: alpha, slug: "alpha", name: "alpha" }],
        online: ["bob"],
      })
    }),
  )
})
