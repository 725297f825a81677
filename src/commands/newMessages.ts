import { Effect } from "effect"
import type { AggregateType } from "../domain/Aggregate.ts"
import type { Recorded } from "../domain/CommitRecord.ts"
import type { EventLog } from "../domain/EventLog.ts"

/** Records that are looked at: the tables are seldom so far behind in one chat. */
const MOST = 256

const holds = ({ record }: Recorded, message: string): boolean =>
  record.events.some(
    (event) =>
      (event._tag === "MessagePosted" && event["message_id"] === message) ||
      (event._tag === "TaskRejected" && event["comment_id"] === message),
  )

/**
 * Looks for a message among the records of a chat, and of the task that it may belong to, that are newer than a
 * position of the tables: a message that was just acknowledged may be answered.
 */
export const newMessages = (log: EventLog["Service"]) => {
  const isIn = Effect.fnUntraced(function* (type: AggregateType, id: string, message: string, after: number) {
    let recorded = yield* log.last({ type, id })
    for (let looked = 0; recorded !== undefined && recorded.seq > after && looked < MOST; looked += 1) {
      if (holds(recorded, message)) return true
      const { prev } = recorded.record
      recorded = prev > after ? yield* log.at(prev) : undefined
    }
    return false
  })

  return Effect.fnUntraced(function* (chat: string, message: string, after: number) {
    return (yield* isIn("chat", chat, message, after)) || (yield* isIn("task", chat, message, after))
  })
}
