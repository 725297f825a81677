import { randomUUID } from "node:crypto"
import type { CommitRecord, Subject } from "../../src/domain/CommitRecord.ts"

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
