import { Effect } from "effect"
import type { TaskEvent } from "../domain/Task.ts"
import { explain, type Happening, type Neighbour, taskAfter } from "../projections/Explanation.ts"
import { provenHistory } from "../projections/provenHistory.ts"
import { type FrameSeq, type HistoryEntry, ReadModel } from "../projections/ReadModel.ts"

const PAGE = 200
const AT_ONCE = 4

/** The history holds events lifted to their newest version, the tag beside the fields. */
const happeningOf = ({ actor, at, data, event: _tag, seq }: HistoryEntry): Happening => ({
  seq,
  at,
  actor,
  event: { ...(data as object), _tag } as TaskEvent,
})

const historyOf = Effect.fnUntraced(function* (id: string) {
  const happenings: Array<Happening> = []
  let [after, seq]: readonly [FrameSeq | undefined, number] = [undefined, Number.MAX_SAFE_INTEGER]
  do {
    const page: Effect.Success<ReturnType<typeof provenHistory>> = yield* provenHistory(id, {
      limit: PAGE,
      after,
    })
    happenings.push(...page.value.rows.map(happeningOf))
    after = page.value.next
    seq = Math.min(seq, page.seq)
  } while (after !== undefined)
  return { happenings, seq }
})

/**
 * Explains a task from its history; undefined when there never was such a one. The position is that of the
 * history: what the task depends on may be told as of a later one.
 */
export const explained = Effect.fnUntraced(function* (id: string) {
  const readModel = yield* ReadModel
  const { happenings, seq } = yield* historyOf(id)
  const task = taskAfter(happenings)
  const found = yield* Effect.forEach(
    task._tag === "Open" ? task.depends_on : [],
    (other) => Effect.map(readModel.task(other), ({ value }) => value?.row),
    { concurrency: AT_ONCE },
  )
  const neighbours = found.flatMap((row): ReadonlyArray<Neighbour> => {
    if (row === undefined) return []
    const { assignee_slug, id, key, status, title } = row
    return [{ id, key, title, status, assignee_slug }]
  })
  return { seq, value: explain(happenings, neighbours) }
})
