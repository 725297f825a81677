import { Result, Schema } from "effect"
import type { Aggregate } from "./Aggregate.ts"
import { Instant, Seq, Slug, Uuid } from "./Ids.ts"
import { MemberName, MemberType } from "./Member.ts"
import { Body } from "./Text.ts"

const ChatKind = Schema.Literals(["lobby", "project", "task"])
export const MessageContent = Body.check(Schema.isPattern(/\S/, { message: "must not be empty" }))
export const Mentions = Schema.Array(Slug).check(Schema.isMaxLength(50), Schema.isUnique())

const place = { project_id: Schema.NullOr(Uuid), task_id: Schema.NullOr(Uuid) }

// Tags and fields are the storage format: add fields with a default, never rename or remove.
export const ChatEvent = Schema.TaggedUnion({
  ChatOpened: { v: Schema.tag(1), id: Uuid, kind: ChatKind, ...place },
  MessagePosted: {
    v: Schema.tag(1),
    message_id: Uuid,
    parent_id: Schema.NullOr(Uuid),
    author_type: MemberType,
    author_slug: Slug,
    author_name: MemberName,
    content: MessageContent,
    mentions: Mentions,
  },
})
export type ChatEvent = typeof ChatEvent.Type

export const ChatCommand = Schema.TaggedUnion({
  OpenChat: { id: Uuid, kind: ChatKind, ...place },
  /** A message. With a `task_id` the chat is that task's, and is opened by its first message. */
  PostMessage: {
    ...place,
    message_id: Uuid,
    parent_id: Schema.NullOr(Uuid),
    author: Schema.Struct({ slug: Slug, type: MemberType, name: MemberName }),
    content: MessageContent,
    mentions: Mentions,
  },
})
export type ChatCommand = typeof ChatCommand.Type

export class ChatNotFound extends Schema.TaggedError<ChatNotFound>()("ChatNotFound", {}) {}
export type ChatRefusal = ChatNotFound

// The storage format of snapshots, and the read model's row.
export const ChatState = Schema.TaggedUnion({
  Absent: {},
  Open: {
    id: Uuid,
    kind: ChatKind,
    ...place,
    message_count: Seq,
    last_message_id: Schema.NullOr(Uuid),
    created_at: Instant,
    updated_at: Instant,
  },
})
export type ChatState = typeof ChatState.Type

type Decision = Result.Result<ReadonlyArray<ChatEvent>, ChatRefusal>
const nothing: Decision = Result.succeed([])
const record = (...events: ReadonlyArray<ChatEvent>): Decision => Result.succeed(events)
type Command<Tag> = Extract<ChatCommand, { readonly _tag: Tag }>

const open = ({ id, kind, project_id, task_id }: Command<"OpenChat">, state: ChatState): Decision =>
  state._tag === "Open" ? nothing : record({ _tag: "ChatOpened", v: 1, id, kind, project_id, task_id })

const post = (command: Command<"PostMessage">, state: ChatState): Decision => {
  const { message_id, parent_id, author, content, mentions, project_id, task_id } = command
  const posted: ChatEvent = {
    _tag: "MessagePosted",
    v: 1,
    message_id,
    parent_id,
    author_type: author.type,
    author_slug: author.slug,
    author_name: author.name,
    content,
    mentions,
  }
  if (state._tag === "Open") return state.last_message_id === message_id ? nothing : record(posted)
  if (task_id === null) return Result.fail(new ChatNotFound())
  return record({ _tag: "ChatOpened", v: 1, id: task_id, kind: "task", project_id, task_id }, posted)
}

/**
 * A room: the lobby, a project's, or a task's comments, whose id is the task's. It keeps the
 * order of messages and nothing of their content; a reply's parent is the read model's business.
 */
export const Chat: Aggregate<ChatState, ChatCommand, ChatEvent, ChatRefusal> = {
  type: "chat",
  events: ChatEvent,
  state: ChatState,
  initial: { _tag: "Absent" },

  evolve: (state, event, { at }): ChatState => {
    switch (event._tag) {
      case "ChatOpened": {
        const { id, kind, project_id, task_id } = event
        const fresh = { message_count: 0, last_message_id: null, created_at: at, updated_at: at }
        return { _tag: "Open", id, kind, project_id, task_id, ...fresh }
      }
      case "MessagePosted": {
        if (state._tag === "Absent") return state
        const { message_id: last_message_id } = event
        return { ...state, message_count: state.message_count + 1, last_message_id, updated_at: at }
      }
    }
  },

  decide: (command, state) =>
    ChatCommand.match(command, {
      OpenChat: (command) => open(command, state),
      PostMessage: (command) => post(command, state),
    }),
}
