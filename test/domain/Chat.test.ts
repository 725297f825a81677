import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { Chat, ChatCommand, ChatEvent, MessageContent } from "../../src/domain/Chat.ts"
import { placed, scenario } from "./given.ts"
import { uuids } from "./histories.ts"

const [project_id = "", task_id = "", message_id = "", another = ""] = uuids
const given = scenario(Chat)
const { OpenChat, PostMessage } = ChatCommand.cases
const { ChatOpened, MessagePosted } = ChatEvent.cases

const room = { id: project_id, kind: "project", project_id, task_id: null } as const
const comments = { id: task_id, kind: "task", project_id, task_id } as const
const opened = ChatOpened.make(room)
const message = { message_id, parent_id: null, content: "Done.", mentions: ["ada"] }
const author = { slug: "bob", type: "agent", name: "Bob" } as const
const posted = MessagePosted.make({
  ...message,
  author_slug: "bob",
  author_type: "agent",
  author_name: "Bob",
})
const post = PostMessage.make({ ...message, author, project_id, task_id: null })
const comment = PostMessage.make({ ...message, author, project_id, task_id })

describe("Chat", () => {
  it("a chat is opened once", () => {
    assert.deepStrictEqual(given().when(OpenChat.make(room)), [opened])
    assert.deepStrictEqual(given(opened).when(OpenChat.make(room)), [])
  })

  it("a chat takes a message once", () => {
    assert.deepStrictEqual(given(opened).when(post), [posted])
    assert.deepStrictEqual(given(opened, posted).when(post), [])
    assert.isNotEmpty(given(opened, posted).when({ ...post, message_id: another }))
  })

  it("a chat is opened by a task's first comment, and only by a comment", () => {
    assert.deepStrictEqual(given().when(comment), [ChatOpened.make(comments), posted])
    assert.deepStrictEqual(
      given(ChatOpened.make(comments), posted).when({ ...comment, message_id: another }),
      [{ ...posted, message_id: another }],
    )
    assert.deepStrictEqual(given().when(post), { _tag: "ChatNotFound" })
  })

  it("a chat keeps a count, not the messages", () => {
    assert.deepStrictEqual(given(opened, posted, { ...posted, message_id: another }).state, {
      _tag: "Open",
      ...room,
      message_count: 2,
      last_message_id: another,
      created_at: placed.at,
      updated_at: placed.at,
    })
  })

  it("a chat has no empty messages, nor larger ones than 64 KiB", () => {
    const takes = Schema.is(MessageContent)
    for (const content of ["", " \n\t\u00a0", "a\0b", "\ud800", "x".repeat(65_537), "é".repeat(32_769)]) {
      assert.isFalse(takes(content), JSON.stringify(content.slice(0, 10)))
    }
    for (const content of ["x", "  x  ", "x".repeat(65_536), "é".repeat(32_768), "👍🏽"]) {
      assert.isTrue(takes(content), JSON.stringify(content.slice(0, 10)))
    }
  })
})
