import { DateTime } from "effect"
import type { Commit } from "./Commit.ts"
import { defineTable, instant, text } from "./Table.ts"
import { type Change, put, remove } from "./Writes.ts"

/** What is to happen at `due` at the latest (architecture.md section 9). A hint: the decider knows. */
export const deadline = defineTable({
  name: "deadline",
  columns: { kind: text, id: text, due: instant },
  key: ["kind", "id"],
  appendOnly: false,
  indices: ["(due)"],
})

/** A plan said what a task waits for; the task itself has to hear of it, also when the one who said so crashed. */
export const DEPENDENCIES = "dependencies"
// Longer than any request lives: whoever was to tell the task may still be at it.
const PATIENCE = { minutes: 1 }

export const deadlinesOf = (commit: Commit): ReadonlyArray<Change> => {
  if (commit.type === "plan") return commit.events.map((event) => planned(event, commit.record.at))
  if (commit.type === "task" && commit.events.some(({ _tag }) => settles.has(_tag))) {
    return [remove(deadline, { kind: DEPENDENCIES, id: commit.id })]
  }
  return []
}

const settles: ReadonlySet<string> = new Set(["TaskCreated", "TaskDependenciesChanged", "TaskDeleted"])

const planned = (
  { _tag, task_id: id }: Extract<Commit, { readonly type: "plan" }>["events"][number],
  at: string,
): Change => {
  if (_tag === "TaskForgotten") return remove(deadline, { kind: DEPENDENCIES, id })
  const due = DateTime.formatIso(DateTime.add(DateTime.makeUnsafe(at), PATIENCE))
  return put(deadline, { kind: DEPENDENCIES, id, due })
}
