import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Chats, type Place } from "../../commands/Chats.ts"
import { ReadModel } from "../../projections/ReadModel.ts"
import { InvalidInput, MessageNotFound } from "../EdgeRefusal.ts"
import { Answers } from "./Answers.ts"
import { Api } from "./Api.ts"
import { byPlace } from "./cursors.ts"
import { unversioned } from "./versioned.ts"

interface Named {
  readonly chat_id?: string | null
  readonly task_id?: string | null
}

/** Where: in one chat or on one task. */
export const placeOf = ({ chat_id, task_id }: Named): Effect.Effect<Place, InvalidInput> => {
  if (typeof chat_id === "string" && typeof task_id !== "string") return Effect.succeed({ chat_id })
  if (typeof task_id === "string" && typeof chat_id !== "string") return Effect.succeed({ task_id })
  const message = "exactly one of chat_id and task_id is needed"
  return new InvalidInput({
    errors: [
      { field: "chat_id", message },
      { field: "task_id", message },
    ],
  })
}

export const MessagesHandlers = HttpApiBuilder.group(
  Api,
  "messages",
  Effect.fnUntraced(function* (handlers) {
    const answers = yield* Answers
    const chats = yield* Chats
    const readModel = yield* ReadModel

    return handlers.handleAll({
      list: ({ query }) =>
        answers.to(
          Effect.fnUntraced(function* (exchange) {
            const place = yield* placeOf(query)
            const slice = yield* byPlace.slice(query)
            const seen = yield* answers.read(exchange, readModel.messages(place, slice))
            const headers = byPlace.link(exchange.url, seen.value)
            return answers.seen(exchange, seen, seen.value.rows, { headers })
          }),
        ),
      send: ({ payload }) =>
        answers.to(
          Effect.fnUntraced(function* (exchange) {
            const place = yield* placeOf(payload)
            const { message, outcome } = yield* chats.post(place, payload, unversioned(exchange))
            return yield* answers.done(exchange, outcome, { status: 201, body: message })
          }),
        ),
      replies: ({ params: { id }, query }) =>
        answers.to(
          Effect.fnUntraced(function* (exchange) {
            const slice = yield* byPlace.slice(query)
            const seen = yield* answers.read(exchange, readModel.replies(id, slice))
            if (seen.value.rows.length === 0 && (yield* readModel.message(id)).value === undefined) {
              return yield* new MessageNotFound()
            }
            const headers = byPlace.link(exchange.url, seen.value)
            return answers.seen(exchange, seen, seen.value.rows, { headers })
          }),
        ),
    })
  }),
)
