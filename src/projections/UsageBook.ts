import type { Lane, UsageRecord } from "../domain/Usage.ts"
import type { Row, Table } from "./Table.ts"
import {
  addEnd,
  addFailedTry,
  addRow,
  hourId,
  type HourRow,
  hourRow,
  taskId,
  type TaskRow,
  taskRow,
  usageHour,
  usageNode,
  usageTask,
} from "./Usage.ts"
import { put, Writes } from "./Writes.ts"

// An hour's rows are added to all the time; what was not touched for long is looked up again.
const REMEMBERED = 20_000

/** The sums that some records add to each row. */
interface Sums {
  readonly hours: ReadonlyMap<string, HourRow>
  readonly tasks: ReadonlyMap<string, TaskRow>
}

/** The sums that some batches add to each row, and the numbers of the batches. */
interface Sheet extends Sums {
  readonly nodes: ReadonlyMap<string, number>
}

/** A batch of usage records, added up. */
export interface SummedBatch {
  readonly seq: number
  readonly node: string
  readonly number: number
  readonly sums: Sums
}

export const sumsOf = (records: ReadonlyArray<UsageRecord>): Sums => {
  const hours = new Map<string, HourRow>()
  const tasks = new Map<string, TaskRow>()
  for (const record of records) addRecord(hours, tasks, record)
  return { hours, tasks }
}

/**
 * Adds batches of usage records to rows. Remembers the newest rows, so that most batches need no look into
 * the tables; thrown away as soon as one of its groups was not committed.
 */
export class UsageBook {
  readonly #nodes = new Map<string, number>()
  readonly #hours = new Map<string, HourRow>()
  readonly #tasks = new Map<string, TaskRow>()

  /** Nodes whose rows have to be given to `remember` before `sum`. */
  unknownNodes(batches: ReadonlyArray<SummedBatch>): ReadonlyArray<string> {
    return [...new Set(batches.map(({ node }) => node).filter((node) => !this.#nodes.has(node)))]
  }

  /** Batches that are in the tables already add nothing. */
  sum(batches: ReadonlyArray<SummedBatch>): Sheet {
    const nodes = new Map<string, number>()
    const hours = new Map<string, HourRow>()
    const tasks = new Map<string, TaskRow>()
    for (const { node, number, sums } of batches) {
      if (number <= (nodes.get(node) ?? this.#nodes.get(node) ?? 0)) continue
      nodes.set(node, number)
      for (const more of sums.hours.values()) added(hours, { ...more })
      for (const more of sums.tasks.values()) added(tasks, { ...more })
    }
    return { nodes, hours, tasks }
  }

  /** Rows that have to be given to `remember` before this can be added. */
  missing({ hours, tasks }: Sheet): ReadonlyMap<Table, ReadonlyArray<string>> {
    if (this.#hours.size + this.#tasks.size > REMEMBERED) {
      this.#hours.clear()
      this.#tasks.clear()
    }
    const unknown = (ids: Iterable<string>, known: ReadonlyMap<string, unknown>) =>
      [...ids].filter((id) => !known.has(id))
    return new Map<Table, ReadonlyArray<string>>([
      [usageHour, unknown(hours.keys(), this.#hours)],
      [usageTask, unknown(tasks.keys(), this.#tasks)],
    ])
  }

  remember(table: Table, rows: ReadonlyArray<Row>): void {
    for (const row of rows) {
      const id = String(row["id"])
      if (table === usageNode) this.#nodes.set(id, Number(row["number"]))
      if (table === usageHour) this.#hours.set(id, { ...row } as HourRow)
      if (table === usageTask) this.#tasks.set(id, { ...row } as TaskRow)
    }
  }

  add({ hours, nodes, tasks }: Sheet): Writes {
    const writes = new Writes()
    for (const [id, number] of nodes) {
      this.#nodes.set(id, number)
      writes.add(put(usageNode, { id, number }))
    }
    for (const more of hours.values()) writes.add(put(usageHour, added(this.#hours, more)))
    for (const more of tasks.values()) writes.add(put(usageTask, added(this.#tasks, more)))
    return writes
  }
}

const added = <Summed extends HourRow | TaskRow>(rows: Map<string, Summed>, more: Summed): Summed => {
  const known = rows.get(more.id)
  if (known === undefined) rows.set(more.id, more)
  else addRow(known, more)
  return known ?? more
}

const addRecord = (hours: Map<string, HourRow>, tasks: Map<string, TaskRow>, record: UsageRecord): void => {
  addEnd(hourOf(hours, record, record.backend, record.lane), record)
  for (const { backend, lane } of record.failures) addFailedTry(hourOf(hours, record, backend, lane))
  const id = taskId(record)
  if (id === undefined) return
  const task = tasks.get(id) ?? taskRow(id, record)
  tasks.set(id, task)
  addEnd(task, record)
}

const hourOf = (
  hours: Map<string, HourRow>,
  record: UsageRecord,
  backend: string | null,
  lane: typeof Lane.Type | null,
): HourRow => {
  const id = hourId(record.at, backend, lane, record.member, record.model)
  const known = hours.get(id)
  if (known !== undefined) return known
  const made = hourRow(id, record, backend, lane)
  hours.set(id, made)
  return made
}
