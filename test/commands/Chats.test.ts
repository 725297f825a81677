import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { Chats } from "../../src/commands/Chats.ts"
import { lobbyId, openLobby } from "../../src/commands/firstStart.ts"
import { Tasks } from "../../src/commands/Tasks.ts"
import { Digest } from "../../src/domain/Digest.ts"
import { ReadModel } from "../../src/projections/ReadModel.ts"
import { NoReadModel } from "../adapters/http/door.ts"
import { agent } from "../support/commands.ts"
import { by, member, project, services, story, task } from "./services.ts"

/** Tables that are far behind the log: they know of no message. */
const Behind = Layer.effectContext(
  Effect.map(ReadModel, (model) =>
    Context.make(ReadModel, {
      ...model,
      message: () => Effect.succeed({ seq: 0, value: undefined }),
    }),
  ),
).pipe(Layer.provideMerge(NoReadModel))

const place = { chat_id: "f25a6d1a-2c0f-5e24-8e0b-9b7a0f0e3b5c" }

describe("Chats", () => {
  it.effect("the service of chats takes messages for the lobby, a project and a task", () =>
    Effect.gen(function* () {
      yield* openLobby()
      const { state } = yield* project()
      const task_id = yield* task()
      const chats = yield* Chats
      const lobby = { chat_id: lobbyId(yield* Digest) }
      const own = { chat_id: state._tag === "Known" ? state.chat_id : "" }
      for (const chat of [lobby, own]) {
        const { message } = yield* chats.post(
          chat,
          { content: "hello", mentions: ["eve"] },
          by({ actor: agent("bob") }),
        )
        assert.deepInclude(message, {
          ...chat,
          task_id: null,
          author_slug: "bob",
          author_type: "agent",
          mentions: ["eve"],
        })
      }
      const { message } = yield* chats.post({ task_id }, { content: "done?" }, by())
      assert.deepInclude(message, {
        chat_id: null,
        task_id,
        parent_id: null,
        author_type: "human",
        content: "done?",
      })
    }).pipe(Effect.provide(services())),
  )

  it.effect(
    "the service of chats gives a repeated message its first answer, even when its task is gone",
    () =>
      Effect.gen(function* () {
        yield* project()
        const task_id = yield* task()
        const chats = yield* Chats
        const envelope = by()
        const { message } = yield* chats.post({ task_id }, { content: "done?" }, envelope)
        yield* (yield* Tasks).remove({ id: task_id }, by())
        assert.deepStrictEqual(
          (yield* chats.post({ task_id }, { content: "done?" }, envelope)).message,
          message,
        )
        assert.strictEqual(
          (yield* Effect.flip(chats.post({ task_id }, { content: "x" }, by())))._tag,
          "TaskNotFound",
        )
      }).pipe(Effect.provide(services())),
  )

  it.effect("the service of chats gives messages in different chats different ids under the same key", () =>
    Effect.gen(function* () {
      yield* project()
      const chats = yield* Chats
      const envelope = by()
      const ids = yield* Effect.forEach([yield* task(), yield* task()], (task_id) =>
        Effect.map(chats.post({ task_id }, { content: "x" }, envelope), ({ message }) => message.id),
      )
      assert.notStrictEqual(ids[0], ids[1])
    }).pipe(Effect.provide(services())),
  )

  it.effect(
    "the service of chats refuses chats that are not there, and replies while nobody knows their parent",
    () =>
      Effect.gen(function* () {
        yield* project()
        const task_id = yield* task()
        const before = yield* story
        const chats = yield* Chats
        assert.strictEqual(
          (yield* Effect.flip(chats.post(place, { content: "x" }, by())))._tag,
          "ChatNotFound",
        )
        const reply = { content: "x", parent_id: task_id }
        assert.strictEqual(
          (yield* Effect.flip(chats.post({ task_id }, reply, by())))._tag,
          "ReadModelUnavailable",
        )
        assert.deepStrictEqual(yield* story, before)
      }).pipe(Effect.provide(services())),
  )

  it.effect("a deleted task takes no more comments, by whichever name its chat is called", () =>
    Effect.gen(function* () {
      yield* project()
      const task_id = yield* task()
      const chats = yield* Chats
      const { message } = yield* chats.post({ task_id }, { content: "first" }, by())
      const named = yield* chats.post({ chat_id: task_id }, { content: "second" }, by())
      assert.deepInclude(named.message, { chat_id: null, task_id })
      yield* (yield* Tasks).remove({ id: task_id }, by())
      const before = yield* story
      for (const place of [{ task_id }, { chat_id: task_id }]) {
        for (const parent_id of [null, message.id]) {
          const refused = yield* Effect.flip(chats.post(place, { content: "x", parent_id }, by()))
          assert.strictEqual(
            refused._tag,
            parent_id !== null && "chat_id" in place ? "ReadModelUnavailable" : "TaskNotFound",
          )
        }
      }
      assert.deepStrictEqual(yield* story, before)
    }).pipe(Effect.provide(services())),
  )

  it.effect(
    "a reply may answer what was said or given as a reason a moment ago, before the tables have it",
    () =>
      Effect.gen(function* () {
        yield* project()
        yield* member("bob")
        const task_id = yield* task({ assignee_slug: "bob" })
        const chats = yield* Chats
        const first = yield* chats.post({ task_id }, { content: "done?" }, by())
        yield* chats.post({ task_id }, { content: "in between" }, by())
        const { events } = yield* (yield* Tasks).reject({ id: task_id }, "bob", "not mine", by())
        const reason = events.flatMap((event) => (event._tag === "TaskRejected" ? [event.comment_id] : []))
        for (const parent_id of [first.message.id, ...reason]) {
          const { message } = yield* chats.post({ task_id }, { content: "x", parent_id }, by())
          assert.strictEqual(message.parent_id, parent_id)
        }
        const elsewhere = yield* task()
        for (const [place, parent_id] of [
          [{ task_id }, elsewhere],
          [{ task_id: elsewhere }, first.message.id],
        ] as const) {
          const refused = yield* Effect.flip(chats.post(place, { content: "x", parent_id }, by()))
          assert.strictEqual(refused._tag, "UnknownParent")
        }
      }).pipe(Effect.provide(services({}, Behind))),
  )
})
