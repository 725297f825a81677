import { Effect, Schema } from "effect"
import { EventLog } from "../domain/EventLog.ts"
import { Seq } from "../domain/Ids.ts"
import { matching } from "../projections/matching.ts"
import { Roster } from "../projections/Roster.ts"
import { isStillAdmin } from "./Asked.ts"
import { paging } from "./cursors.ts"
import * as examples from "./examples.ts"
import { conditionsOf, logFilters, LogRecordBody } from "./logBodies.ts"
import { logPage } from "./logPage.ts"
import { logStream } from "./logStream.ts"
import { question, watch } from "./Operation.ts"
import { admins } from "./rights.ts"

const DEFAULT = 50

const may = admins("read the log")

const record = {
  seq: 17,
  aggregate: `task.${examples.ids.task}`,
  command: "ada:take-1",
  at: examples.task.created_at,
  actor: "ada",
  correlation: "4f0c",
  causation: null,
  prev: 16,
  hash: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
  events: [{ _tag: "TaskTaken", v: 1, assignee_slug: "ada" }],
}

const listLog = question({
  name: "log.list",
  summary: "Lists records of the log",
  description:
    "In order after a position, without snapshots and without hashes of tokens. A page may be empty although more follow: go on where it says.",
  input: { ...logFilters, limit: paging.limit },
  query: ["after", "types", "subject", "limit"],
  output: Schema.Array(LogRecordBody),
  rest: ["GET", "/api/v1/log", 200],
  may,
  refusals: ["LogUnavailable", "LogDamaged"],
  example: { input: { after: 16, subject: `task.${examples.ids.task}` }, output: [record] },
  from: "log",
  ask: Effect.fnUntraced(function* ({ after = 0, limit = DEFAULT, ...asked }) {
    const log = yield* EventLog
    const matches = matching(conditionsOf(asked))
    const { isEnd, records, upTo } = yield* logPage(log, after, { limit, matches })
    return { seq: upTo, body: records, ...(isEnd ? {} : { next: { after: upTo } }) }
  }),
})

const watchLog = watch({
  name: "log.watch",
  summary: "Streams the log",
  description:
    "Server-sent events: `id` is the position, `data` a LogRecord. Between matching records the position moves on by itself. `Last-Event-ID` goes before `after`; without either the stream begins at the end.",
  input: { ...logFilters, "last-event-id": Schema.optionalKey(Seq) },
  query: ["after", "types", "subject"],
  rest: ["GET", "/api/v1/log/stream", 200],
  may,
  refusals: ["LogUnavailable"],
  example: { input: { after: 0 } },
  open: Effect.fnUntraced(function* ({ after, "last-event-id": lastEventId, ...asked }, { member }) {
    const log = yield* EventLog
    const roster = yield* Roster
    const seq = lastEventId ?? after ?? (yield* log.head).last
    const events = logStream(log, seq, {
      matches: matching(conditionsOf(asked)),
      isAllowed: () => isStillAdmin(member, roster.bySlug(member.slug)),
      changes: roster.changes,
    })
    return { seq, events }
  }),
})

export const log = [listLog, watchLog]
