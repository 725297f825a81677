import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Dispatcher } from "../../src/commands/dispatch.ts"
import { Projects } from "../../src/commands/Projects.ts"
import { Digest } from "../../src/domain/Digest.ts"
import { EventLog } from "../../src/domain/EventLog.ts"
import { Prefix } from "../../src/domain/Prefix.ts"
import { asFirst } from "../support/commands.ts"
import { by, project, services, story } from "./services.ts"

describe("Projects", () => {
  it.effect("claims a prefix and opens the chat before the project is there", () =>
    Effect.gen(function* () {
      const { state } = yield* project()
      assert.deepInclude(state, { _tag: "Known", slug: "team-board", prefix: "TE", status: "active" })
      assert.deepStrictEqual(yield* story, [
        "prefix: PrefixClaimed",
        "chat: ChatOpened",
        "project: ProjectCreated",
      ])
    }).pipe(Effect.provide(services())),
  )

  it.effect(
    "the service of projects gives a second project that would get the same prefix a longer one",
    () =>
      Effect.gen(function* () {
        yield* project("team-board")
        assert.deepInclude((yield* project("team")).state, { prefix: "TEA" })
        assert.deepInclude((yield* project("te")).state, { prefix: "TE2" })
      }).pipe(Effect.provide(services())),
  )

  it.effect("the service of projects refuses a slug that is taken and records nothing", () =>
    Effect.gen(function* () {
      yield* project()
      const before = yield* story
      assert.strictEqual((yield* Effect.flip(project()))._tag, "ProjectExists")
      assert.deepStrictEqual(yield* story, before)
    }).pipe(Effect.provide(services())),
  )

  it.effect("completes what a crash left half-way, when it is repeated", () =>
    Effect.gen(function* () {
      const digest = yield* Digest
      const project_id = digest.uuidOf("project:team-board")
      const envelope = by()
      // As far as the first try got.
      yield* (yield* Dispatcher).dispatch(Prefix, "TE", { _tag: "ClaimPrefix", project_id }, envelope)
      const projects = yield* Projects
      const first = yield* projects.create({ name: "Team Board", slug: "team-board" }, envelope)
      assert.deepInclude(first.state, { prefix: "TE" })
      const again = yield* projects.create({ name: "Team Board", slug: "team-board" }, envelope)
      assert.deepStrictEqual(asFirst(again), first)
      assert.strictEqual((yield* (yield* EventLog).head).last, 3)
    }).pipe(Effect.provide(services())),
  )

  it.effect("the service of projects changes and archives projects", () =>
    Effect.gen(function* () {
      yield* project()
      const projects = yield* Projects
      const { state } = yield* projects.change("team-board", { name: "Board", status: "archived" }, by())
      assert.deepInclude(state, { name: "Board", status: "archived" })
      assert.strictEqual((yield* Effect.flip(projects.change("nope", {}, by())))._tag, "ProjectNotFound")
    }).pipe(Effect.provide(services())),
  )
})
