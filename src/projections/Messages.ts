import type { ChatState } from "../domain/Chat.ts"
import type { TaskState } from "../domain/Task.ts"
import type { Commit } from "./Commit.ts"
import { bigint, defineTable, instant, jsonb, nullable, oneOf, type RowOf, smallint, text } from "./Table.ts"
import { type Change, put } from "./Writes.ts"

/**
 * The messages in chats, and the comments on tasks (then `chat_id` is null, although a task's comments are a
 * chat with the task's id). `id` is the author's choice and so not the key.
 */
export const message = defineTable({
  name: "message",
  columns: {
    seq: bigint,
    idx: smallint,
    id: text,
    chat_id: nullable(text),
    task_id: nullable(text),
    project_id: nullable(text),
    parent_id: nullable(text),
    author_type: oneOf<"agent" | "human">(),
    author_slug: text,
    author_name: text,
    content: text,
    mentions: jsonb<ReadonlyArray<string>>(),
    created_at: instant,
  },
  key: ["seq", "idx"],
  appendOnly: true,
  indices: [
    "(chat_id, seq, idx) where chat_id is not null",
    "(task_id, seq, idx) where task_id is not null",
    "(parent_id, seq, idx) where parent_id is not null",
    "(id)",
  ],
})

export type Message = RowOf<typeof message>

/** The messages of a commit, in the order of its events: posts, and the reason that a rejection leaves behind. */
export const messagesIn = (commit: Commit): ReadonlyArray<Message> => {
  if (commit.type === "chat") return posts(commit)
  if (commit.type === "task") return reasons(commit)
  return []
}

export const messagesOf = (commit: Commit): ReadonlyArray<Change> =>
  messagesIn(commit).map((row) => put(message, row))

type Of<Type> = Extract<Commit, { readonly type: Type }>

const posts = ({ after, events, id: chat, record, seq }: Of<"chat">): ReadonlyArray<Message> =>
  events.flatMap((event, idx) => {
    if (event._tag !== "MessagePosted") return []
    const { author_name, author_slug, author_type, content, mentions, message_id: id, parent_id } = event
    const said = {
      parent_id,
      author_type,
      author_slug,
      author_name,
      content,
      mentions,
      created_at: record.at,
    }
    return [{ seq, idx, id, ...placeOf(chat, after), ...said }]
  })

const placeOf = (chat: string, state: ChatState) => {
  const { project_id, task_id } = state._tag === "Open" ? state : { project_id: null, task_id: null }
  return { chat_id: task_id === null ? chat : null, task_id, project_id }
}

const reasons = ({ after, before, events, id: task_id, record, seq }: Of<"task">): ReadonlyArray<Message> =>
  events.flatMap((event, idx) => {
    if (event._tag !== "TaskRejected") return []
    const { author_name, author_type, by: author_slug, comment_id: id, reason: content } = event
    const said = { author_type, author_slug, author_name, content, mentions: [], created_at: record.at }
    const project_id = projectOf(after) ?? projectOf(before)
    return [{ seq, idx, id, chat_id: null, task_id, project_id, parent_id: null, ...said }]
  })

const projectOf = (task: TaskState): string | null => (task._tag === "Absent" ? null : task.project_id)
