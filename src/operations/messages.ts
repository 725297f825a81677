import { Effect, Schema } from "effect"
import { Chats, type ChatOrTask } from "../commands/Chats.ts"
import { Uuid } from "../domain/Ids.ts"
import { ReadModel } from "../projections/ReadModel.ts"
import { MessageBody, newMessage } from "./bodies.ts"
import { byFrameSeq, paging } from "./cursors.ts"
import { InvalidInput, MessageNotFound } from "./EdgeRefusal.ts"
import * as examples from "./examples.ts"
import { command, question } from "./Operation.ts"
import { anyone } from "./rights.ts"

interface Named {
  readonly chat_id?: string | null
  readonly task_id?: string | null
}

/** The chat or task that was named. */
const chatOrTaskOf = ({ chat_id = null, task_id = null }: Named): Effect.Effect<ChatOrTask, InvalidInput> => {
  if (chat_id !== null && task_id === null) return Effect.succeed({ chat_id })
  if (task_id !== null && chat_id === null) return Effect.succeed({ task_id })
  const message = "exactly one of chat_id and task_id is needed"
  return new InvalidInput({
    errors: [
      { field: "chat_id", message },
      { field: "task_id", message },
    ],
  })
}

export const sendMessage = command({
  name: "message.send",
  summary: "Says something in a chat or on a task",
  description:
    "Exactly one of `chat_id` and `task_id`. Who is in `mentions` hears it even when it listens to mentions only; an agent never hears itself.",
  input: newMessage,
  output: MessageBody,
  rest: ["POST", "/api/v1/messages", 201],
  may: anyone,
  refusals: ["ChatNotFound", "TaskNotFound", "UnknownParent", "ReadModelUnavailable"],
  example: {
    input: { task_id: examples.ids.task, content: "@ada need a hand?", mentions: ["ada"] },
    output: examples.message,
  },
  give: (said, { envelope }) =>
    chatOrTaskOf(said).pipe(
      Effect.flatMap((place) => Chats.use((chats) => chats.post(place, said, envelope))),
      Effect.map(({ message, outcome }) => ({ ...outcome, message })),
    ),
  tell: ({ message }) => message,
})

const listMessages = question({
  name: "message.list",
  summary: "Lists what was said in a chat or on a task",
  description: "The newest `limit`, oldest first; the next page goes back.",
  input: { chat_id: Schema.optionalKey(Uuid), task_id: Schema.optionalKey(Uuid), ...paging },
  query: ["chat_id", "task_id", "limit", "cursor"],
  output: Schema.Array(MessageBody),
  rest: ["GET", "/api/v1/messages", 200],
  may: anyone,
  refusals: ["InvalidInput"],
  example: { input: { task_id: examples.ids.task }, output: [examples.message] },
  from: "tables",
  ask: Effect.fnUntraced(function* (asked) {
    const place = yield* chatOrTaskOf(asked)
    const slice = yield* byFrameSeq.slice(asked)
    const { seq, value } = yield* ReadModel.use((model) => model.messages(place, slice))
    return { seq, body: value.rows, ...byFrameSeq.next(value) }
  }),
})

const listReplies = question({
  name: "message.replies",
  summary: "Lists the replies to a message",
  description: "Oldest first.",
  input: { id: Uuid, ...paging },
  query: ["limit", "cursor"],
  output: Schema.Array(MessageBody),
  rest: ["GET", "/api/v1/messages/:id/replies", 200],
  may: anyone,
  refusals: ["MessageNotFound"],
  example: {
    input: { id: examples.ids.message },
    output: [{ ...examples.message, id: examples.ids.blocker, parent_id: examples.ids.message }],
  },
  from: "tables",
  ask: Effect.fnUntraced(function* ({ id, ...asked }) {
    const slice = yield* byFrameSeq.slice(asked)
    const model = yield* ReadModel
    const { seq, value } = yield* model.replies(id, slice)
    if (value.rows.length === 0 && (yield* model.message(id)).value === undefined) {
      return yield* new MessageNotFound()
    }
    return { seq, body: value.rows, ...byFrameSeq.next(value) }
  }),
})

export const messages = [listMessages, sendMessage, listReplies]
