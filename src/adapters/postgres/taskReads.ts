import { Effect } from "effect"
import { history } from "../../projections/History.ts"
import type { HistoryEntry, ReadModel, TaskFilter } from "../../projections/ReadModel.ts"
import { task } from "../../projections/StateTables.ts"
import type { TaskView } from "../../projections/Views.ts"
import type { Client } from "./client.ts"
import type { Database } from "./Database.ts"
import { every, first, type Fragment, mapSeen, pageOf, rowsOf, see } from "./seen.ts"

type TaskRow = TaskView & { readonly seq: number }
type HistoryRow = HistoryEntry

const columns = Object.keys(task.columns)
const shown = Object.keys(history.columns).filter((name) => name !== "type" && name !== "id")

/** Tasks and what happened to them. */
export const taskReads = ({
  ask,
}: Database["Service"]): Pick<ReadModel["Service"], "tasks" | "task" | "held" | "history"> => ({
  tasks: (filter, { after, limit }) =>
    ask((sql) => {
      const cursor =
        after === undefined
          ? []
          : [sql`(position, number, id) > (${after.position}, ${after.number}, ${after.id})`]
      return see<TaskRow>(
        sql,
        sql`select ${sql(columns)} from task where ${every(sql, [...conditions(sql, filter), ...cursor])}
          order by position, number, id limit ${limit + 1}`,
      )
    }).pipe(
      Effect.map((found) =>
        pageOf(rowsOf(found), limit, viewOf, ({ id, number, position }) => ({ position, number, id })),
      ),
    ),
  task: (id) =>
    ask((sql) => see<TaskRow>(sql, sql`select ${sql(columns)} from task where id = ${id}`)).pipe(
      Effect.map((found) =>
        mapSeen(first(rowsOf(found)), (row) => row && { version: row.seq, row: viewOf(row) }),
      ),
    ),
  held: (assignee, limit) =>
    ask((sql) =>
      see<{ readonly held: number }>(
        sql,
        sql`select count(*)::integer as held from (
          select from task where assignee_slug = ${assignee} and status <> 'done' limit ${limit}) few`,
      ),
    ).pipe(Effect.map((found) => mapSeen(first(rowsOf(found)), (row) => row?.held ?? 0))),
  history: (id, { after, limit }) =>
    ask((sql) => {
      const { idx, seq } = after ?? { seq: 0, idx: 0 }
      return see<HistoryRow>(
        sql,
        sql`select ${sql(shown)} from history
          where id = ${id} and type = 'task' and (seq, idx) > (${seq}, ${idx})
          order by seq, idx limit ${limit + 1}`,
      )
    }).pipe(
      Effect.map((found) =>
        pageOf(
          rowsOf(found),
          limit,
          (row) => row,
          ({ idx, seq }) => ({ seq, idx }),
        ),
      ),
    ),
})

const viewOf = ({ seq: _, ...view }: TaskRow): TaskView => view

const conditions = (sql: Client, filter: TaskFilter): ReadonlyArray<Fragment> => {
  const { assignee, label, parent_id, priority, project_id, project_slug, status, type } = filter
  return [
    ...(project_id === undefined ? [] : [sql`project_id = ${project_id}`]),
    ...(project_slug === undefined
      ? []
      : [sql`project_id = (select id from project where slug = ${project_slug})`]),
    ...(parent_id === undefined ? [] : [sql`parent_id = ${parent_id}`]),
    ...(status === undefined ? [] : [sql`status = ${status}`]),
    ...(assignee === undefined
      ? []
      : [assignee === null ? sql`assignee_slug is null` : sql`assignee_slug = ${assignee}`]),
    ...(type === undefined ? [] : [sql`type = ${type}`]),
    ...(priority === undefined ? [] : [sql`priority = ${priority}`]),
    ...(label === undefined ? [] : [sql`labels ? ${label}`]),
  ]
}
