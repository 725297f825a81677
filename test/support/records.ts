import { Effect } from "effect"
import { createHash, randomUUID } from "node:crypto"
import { chained, type CommitRecord, type Subject } from "../../src/domain/CommitRecord.ts"
import { EventLog } from "../../src/domain/EventLog.ts"

/** A commit record of no meaning, for tests of the log itself. */
export const recordOf = (prev: number, over: Partial<CommitRecord> = {}): CommitRecord => ({
  command: `:${randomUUID()}`,
  fingerprint: "0123456789abcdef",
  at: "2026-11-20T12:00:00.000Z",
  actor: "ada",
  correlation: "test",
  causation: null,
  prev,
  hash: "0".repeat(64),
  events: [{ _tag: "TaskWatched", v: 1, slug: "ada" }],
  ...over,
})

export const freshSubject = (type: Subject["type"] = "task"): Subject => ({ type, id: randomUUID() })

/** Appends a record of these events to an aggregate, with a chain as every program of ours makes it. */
export const appendNext = Effect.fnUntraced(function* (
  subject: Subject,
  events: CommitRecord["events"],
  over: Partial<CommitRecord> = {},
) {
  const log = yield* EventLog
  const last = yield* log.last(subject)
  const guard = last?.seq ?? 0
  const open = recordOf(guard, { events })
  const hash = createHash("sha256")
    .update(chained(last?.record.hash ?? "", open))
    .digest("hex")
  return (yield* log.append({ subject, guard, record: { ...open, hash, ...over } })).seq
})
