import { styleText } from "node:util"
import type { Board } from "../../projections/Board.ts"
import { clipped, printable } from "../printable.ts"

const COLUMNS = 80
const GAP = "  "
const NOBODY = "-"

/** Rows as a table: each column as wide as it must be, up to its limit; the last takes what is left of 80. */
const table = (
  rows: ReadonlyArray<ReadonlyArray<string>>,
  limits: ReadonlyArray<number>,
): ReadonlyArray<string> => {
  const cells = rows.map((row) =>
    row.map((text, column) => clipped(printable(text), limits[column] ?? COLUMNS)),
  )
  const widths = limits.map((_, column) => Math.max(0, ...cells.map((row) => row[column]?.length ?? 0)))
  return cells.map((row) =>
    clipped(GAP + row.map((text, column) => text.padEnd(widths[column] ?? 0)).join(GAP), COLUMNS).trimEnd(),
  )
}

const count = (number: number, what: string) => `${number} ${what}${number === 1 ? "" : "s"}`

type Tasks = Board["tasks"]

/** Key, status, holder, and the title with what the task waits for. */
const taskLines = (tasks: Tasks, all: ReadonlyMap<string, Tasks[number]>): ReadonlyArray<string> =>
  table(
    tasks.map(({ assignee_slug, depends_on, key, status, title }) => {
      const open = depends_on.flatMap((id) => {
        const other = all.get(id)
        return other === undefined || other.status === "done" ? [] : [other.key]
      })
      const waits = open.length === 0 ? "" : `(waits for ${open.join(", ")}) `
      return [key, status, assignee_slug ?? NOBODY, `${waits}${title}`]
    }),
    [14, 11, 16],
  )

const section = (title: string, lines: ReadonlyArray<string>) =>
  lines.length === 0 ? [] : ["", styleText("bold", clipped(printable(title), COLUMNS)), ...lines]

/** A board as tables of at most 80 columns. */
export const boardLines = ({ members, projects, tasks }: Board): ReadonlyArray<string> => {
  const all = new Map(tasks.map((task) => [task.id, task]))
  const known = new Set(projects.map(({ id }) => id))
  const strays = tasks.filter(({ project_id }) => !known.has(project_id))
  const memberRows = members.map(({ is_enabled, name, role, slug, status, type }) => [
    slug,
    type,
    role,
    is_enabled ? status : "disabled",
    name,
  ])
  return [
    ...projects.flatMap(({ id, name, slug, status }) => {
      const own = tasks.filter(({ project_id }) => project_id === id)
      const title = `${slug}${status === "archived" ? ", archived" : ""}, ${count(own.length, "task")}: ${name}`
      const lines = taskLines(own, all)
      return section(title, lines.length === 0 ? [`${GAP}no tasks`] : lines)
    }),
    ...section("tasks of no known project", taskLines(strays, all)),
    ...section(count(members.length, "member"), table(memberRows, [20, 5, 6, 8])),
  ]
}
