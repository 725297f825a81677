import { DateTime } from "effect"
import type { Commit } from "./Commit.ts"
import { bigint, defineTable, instant, integer, nullable, type RowOf, text } from "./Table.ts"
import { type Change, put, remove } from "./Writes.ts"

/** Everything that is still to be done, from when on, and which attempt comes next. A hint: the decider knows. */
export const owed = defineTable({
  name: "owed",
  columns: {
    kind: text,
    id: text,
    due: instant,
    attempt: integer,
    seq: bigint,
    target: nullable(text),
  },
  key: ["kind", "id"],
  appendOnly: false,
  indices: ["(kind, due, id)"],
})
type OwedRow = RowOf<typeof owed>

/** Something became owed with the record at `seq`, or the attempt before came to nothing. */
export const owes = ({
  attempt = 1,
  target = null,
  ...row
}: Pick<OwedRow, "kind" | "id" | "due" | "seq"> & Partial<OwedRow>): Change =>
  put(owed, { ...row, attempt, target })

/** Nothing of this kind is owed to this id any more. */
export const owesNot = (kind: string, id: string): Change => remove(owed, { kind, id })

/** A plan said what a task waits for; the task itself has to hear of it, also when the program that said so crashed. */
export const DEPENDENCIES = "dependencies"
// Longer than any request lives: the one that was to tell the task may still be at it.
const PATIENCE = { minutes: 1 }

/** A task is on its way below another parent; the move has to end, also when the program that began it crashed. */
export const MOVES = "moves"

/** Everything that a commit makes owed, and everything that it settles. */
export const owedOf = (commit: Commit): ReadonlyArray<Change> => {
  if (commit.type === "tree") return commit.events.map((event) => moved(event, commit))
  if (commit.type === "plan") return commit.events.map((event) => planned(event, commit))
  if (commit.type === "task" && commit.events.some(({ _tag }) => settles.has(_tag))) {
    return [owesNot(DEPENDENCIES, commit.id)]
  }
  return []
}

const settles: ReadonlySet<string> = new Set(["TaskCreated", "TaskDependenciesChanged", "TaskDeleted"])

type PlanCommit = Extract<Commit, { readonly type: "plan" }>

type TreeCommit = Extract<Commit, { readonly type: "tree" }>

const moved = (
  { _tag, move_id }: TreeCommit["events"][number],
  { id: project, record, seq }: TreeCommit,
): Change => {
  const id = `${project}:${move_id}`
  if (_tag === "MoveEnded") return owesNot(MOVES, id)
  return owes({ kind: MOVES, id, due: dueAfter(record.at), seq })
}

const planned = (
  { _tag, task_id: id }: PlanCommit["events"][number],
  { record, seq }: PlanCommit,
): Change => {
  if (_tag === "TaskForgotten") return owesNot(DEPENDENCIES, id)
  return owes({ kind: DEPENDENCIES, id, due: dueAfter(record.at), seq })
}

const dueAfter = (at: string) => DateTime.formatIso(DateTime.add(DateTime.makeUnsafe(at), PATIENCE))
