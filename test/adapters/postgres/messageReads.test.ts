import { assert, describe } from "@effect/vitest"
import { Effect } from "effect"
import { randomUUID } from "node:crypto"
import { projectId } from "../../projections/crews.ts"
import { after, fresh } from "./reading.ts"

describe("messages", () => {
  fresh("messages are the newest of a chat, oldest first, and go back")(
    Effect.gen(function* () {
      const { lobby, model } = yield* after(({ open, post }) => {
        const lobby = randomUUID()
        open(lobby, "lobby")
        for (const content of ["1", "2", "3", "4", "5"]) post({ chat: lobby }, content)
        return { lobby }
      })
      const page = (after?: { readonly seq: number; readonly idx: number }) =>
        Effect.map(model.messages({ chat_id: lobby }, { limit: 2, after }), ({ value }) => value)
      const newest = yield* page()
      assert.deepStrictEqual(
        newest.rows.map(({ content }) => content),
        ["4", "5"],
      )
      const older = yield* page(newest.next)
      assert.deepStrictEqual(
        older.rows.map(({ content }) => content),
        ["2", "3"],
      )
      const oldest = yield* page(older.next)
      assert.deepStrictEqual(
        oldest.rows.map(({ content }) => content),
        ["1"],
      )
      assert.isUndefined(oldest.next)
    }),
  )

  fresh("messages are comments of a task, answers to a message, or one")(
    Effect.gen(function* () {
      const { answer, comment, log, model, task } = yield* after(({ create, post, reject, take }) => {
        const task = create()
        const place = { chat: task, task_id: task, project_id: projectId }
        const comment = post(place, "why?", { mentions: ["bob"] })
        const answer = post(place, "because", { parent_id: comment, slug: "bob" })
        take(task, "bob")
        reject(task, "bob", randomUUID())
        return { task, comment, answer }
      })
      const { value: comments } = yield* model.messages({ task_id: task }, { limit: 10 })
      assert.deepStrictEqual(
        comments.rows.map(({ content }) => content),
        ["why?", "because", "not mine"],
      )
      assert.deepStrictEqual((yield* model.messages({ chat_id: task }, { limit: 10 })).value.rows, [])
      assert.deepStrictEqual((yield* model.message(comment)).value, {
        id: comment,
        chat_id: null,
        task_id: task,
        parent_id: null,
        author_type: "agent",
        author_slug: "ada",
        author_name: "ADA",
        content: "why?",
        mentions: ["bob"],
        voice_url: null,
        attachments: [],
        created_at: log.records[1]!.record.at,
      })
      const replies = yield* model.replies(comment, { limit: 10 })
      assert.deepStrictEqual(
        replies.value.rows.map(({ id }) => id),
        [answer],
      )
      assert.isUndefined((yield* model.message(randomUUID())).value)
    }),
  )
})
