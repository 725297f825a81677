import { Context, Effect, Layer, Result, Schema } from "effect"
import type { Aggregate } from "../domain/Aggregate.ts"
import { Chat, type ChatCommand, type ChatEvent, type ChatRefusal, type ChatState } from "../domain/Chat.ts"
import { Digest } from "../domain/Digest.ts"
import { EventLog } from "../domain/EventLog.ts"
import { Uuid } from "../domain/Ids.ts"
import { Task } from "../domain/Task.ts"
import { TaskNotFound } from "../domain/TaskRefusal.ts"
import { ReadModel, type ReadModelUnavailable } from "../projections/ReadModel.ts"
import type { MessageView } from "../projections/Views.ts"
import { type DispatchFailure, Dispatcher, type Outcome } from "./dispatch.ts"
import type { Envelope } from "./Envelope.ts"
import { idOfNew } from "./identify.ts"
import { newMessages } from "./newMessages.ts"
import { refusing } from "./refusing.ts"

/** The place where something is said: in a chat, or as a comment on a task. */
export type ChatOrTask = { readonly chat_id: string } | { readonly task_id: string }

export interface NewMessage {
  readonly content: string
  readonly mentions?: ReadonlyArray<string>
  readonly parent_id?: string | null
}

/** A reply answers a message of the same chat (422). */
export class UnknownParent extends Schema.TaggedError<UnknownParent>()("UnknownParent", {
  parent_id: Uuid,
}) {}

/** The chat holds the comments of a task, which has to be asked whether it is there. Never leaves this service. */
class OnTask extends Schema.TaggedError<OnTask>()("OnTask", { task_id: Uuid }) {}

/** The chat under a message that does not say that it is about a task. */
const unplaced: Aggregate<ChatState, ChatCommand, ChatEvent, ChatRefusal | OnTask> = {
  ...Chat,
  decide: (command, state) =>
    state._tag === "Open" && state.task_id !== null
      ? Result.fail(new OnTask({ task_id: state.task_id }))
      : Chat.decide(command, state),
}

export type ChatsRefusal = ChatRefusal | TaskNotFound | UnknownParent | ReadModelUnavailable
export interface Posted {
  readonly outcome: Outcome<ChatState, ChatEvent>
  readonly message: MessageView
}

/** The messages of members. */
export class Chats extends Context.Service<
  Chats,
  {
    readonly post: (
      place: ChatOrTask,
      message: NewMessage,
      envelope: Envelope,
    ) => Effect.Effect<Posted, ChatsRefusal | DispatchFailure>
  }
>()("crewlog/commands/Chats") {
  static readonly layer = Layer.effect(
    Chats,
    Effect.gen(function* () {
      const dispatcher = yield* Dispatcher
      const digest = yield* Digest
      const readModel = yield* ReadModel
      const isNew = newMessages(yield* EventLog)

      /** Comments need their task; chats say themselves whether they are there. */
      const room = Effect.fnUntraced(function* (place: ChatOrTask) {
        if ("chat_id" in place) return { project_id: null, task_id: null }
        const { state } = yield* dispatcher.load(Task, place.task_id)
        return state._tag === "Open"
          ? { project_id: state.project_id, task_id: place.task_id }
          : new TaskNotFound()
      })

      const objection = Effect.fnUntraced(
        function* (id: string, parent_id: string) {
          const { seq, value: parent } = yield* readModel.message(parent_id)
          const isHere =
            parent === undefined
              ? yield* isNew(id, parent_id, seq)
              : (parent.chat_id ?? parent.task_id) === id
          return isHere ? undefined : new UnknownParent({ parent_id })
        },
        Effect.catchTag("ReadModelUnavailable", (unavailable) => Effect.succeed(unavailable)),
      )

      const say = Effect.fnUntraced(function* (
        id: string,
        place: ChatOrTask,
        { content, mentions = [], parent_id = null }: NewMessage,
        envelope: Envelope,
      ) {
        const refuse = (refusal: ChatsRefusal) =>
          dispatcher.dispatch(refusing(Chat, refusal), id, undefined, envelope)
        const found = yield* room(place)
        if ("_tag" in found) return yield* refuse(found)
        const wrong = parent_id === null ? undefined : yield* objection(id, parent_id)
        if (wrong !== undefined) return yield* refuse(wrong)
        const { name, slug, type } = envelope.actor
        const author = { slug, name, type: type === "human" ? "human" : "agent" } as const
        const message_id = idOfNew(digest, "message", envelope, id)
        const said = { message_id, parent_id, author, content, mentions }
        const aggregate = "chat_id" in place ? unplaced : Chat
        return yield* dispatcher.dispatch(aggregate, id, { _tag: "PostMessage", ...found, ...said }, envelope)
      })

      const post = Effect.fnUntraced(function* (place: ChatOrTask, message: NewMessage, envelope: Envelope) {
        const id = "chat_id" in place ? place.chat_id : place.task_id
        const outcome = yield* say(id, place, message, envelope).pipe(
          Effect.catchTag("OnTask", (on) => say(id, on, message, envelope)),
          Effect.catchTag("OnTask", Effect.die),
        )
        const view = messageView(outcome)
        return view === undefined
          ? yield* Effect.die(new Error(`nothing was said in chat ${id}`))
          : { outcome, message: view }
      })

      return Chats.of({ post })
    }),
  )
}

/** The message as every answer shows it, straight from its event. */
const messageView = ({ at, events, state }: Outcome<ChatState, ChatEvent>): MessageView | undefined => {
  const posted = events.find((event) => event._tag === "MessagePosted")
  if (posted === undefined || state._tag !== "Open" || at === null) return undefined
  const { author_name, author_slug, author_type, content, mentions, message_id: id, parent_id } = posted
  return {
    id,
    chat_id: state.task_id === null ? state.id : null,
    task_id: state.task_id,
    parent_id,
    author_type,
    author_slug,
    author_name,
    content,
    mentions,
    voice_url: null,
    attachments: [],
    created_at: at,
  }
}
