import type { Schema } from "effect"
import type { AggregateType } from "../domain/Aggregate.ts"
import type { Commit } from "./Commit.ts"
import { bigint, defineTable, instant, json, nullable, oneOf, smallint, text } from "./Table.ts"
import { type Change, put } from "./Writes.ts"

/** Every event there ever was, and under which command: a task's history, and the receipts of old commands. */
export const history = defineTable({
  name: "history",
  columns: {
    seq: bigint,
    idx: smallint,
    type: oneOf<AggregateType>(),
    id: text,
    event: text,
    data: json<Schema.Json>(),
    actor: text,
    at: instant,
    command: text,
    correlation: text,
    causation: nullable(bigint),
  },
  key: ["seq", "idx"],
  appendOnly: true,
  // Histories are shown of tasks; repeated are only commands whose id a client chose (Ids.ts); cooldowns are listed.
  indices: [
    "(id, seq, idx) where type = 'task'",
    "(command) where left(command, 1) <> ':'",
    "(seq) where event = 'CooldownStarted'",
  ],
})

export const historyOf = ({ events, id, record, seq, type }: Commit): ReadonlyArray<Change> => {
  const { actor, at, causation, command, correlation } = record
  return events.map(({ _tag: event, v: _, ...data }, idx) =>
    put(history, { seq, idx, type, id, event, data, actor, at, command, correlation, causation }),
  )
}
