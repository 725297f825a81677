import type { AggregateType } from "../domain/Aggregate.ts"
import type { Commit } from "./Commit.ts"
import { bigint, defineTable, oneOf, text } from "./Table.ts"
import { type Change, put } from "./Writes.ts"

/** Commands that changed nothing: no event of theirs stands in the history, but their repeats have to find them. */
export const nothingChanged = defineTable({
  name: "nothing_changed",
  columns: { seq: bigint, type: oneOf<AggregateType>(), id: text, command: text },
  key: ["seq"],
  appendOnly: true,
  indices: ["(command)"],
})

export const nothingChangedIn = ({ events, id, record, seq, type }: Commit): ReadonlyArray<Change> =>
  events.length === 0 ? [put(nothingChanged, { seq, type, id, command: record.command })] : []
