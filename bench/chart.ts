import { rounded } from "./figures.ts"
import type { Row } from "./Row.ts"

const WIDTH = 760
const LINE = 34
const LEFT = 330
const BAR = 240
const TOP = 64

/** How far the goal is reached: 1 is exactly there, more is better. */
const reachOf = ({ goal, ok, ratio, value }: Row): number | undefined => {
  const [, sign = "", number = "0", times = ""] = /^(>=|<=) ([\d.]+)(x?)/.exec(goal ?? "") ?? []
  if (sign === "" || ok === null) return undefined
  const seen = times === "x" ? (ratio ?? 0) : value
  if (sign === ">=") return seen / Number(number)
  return seen <= 0 ? Infinity : Number(number) / seen
}

const escaped = (text: string) =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")

const seenOf = ({ ratio, unit, value }: Row) =>
  `${rounded(value).toLocaleString("en")} ${unit}${ratio === null ? "" : `, ${ratio.toFixed(2)}x`}`

const barOf = (row: Row, index: number): string => {
  const reach = Math.min(reachOf(row) ?? 0, 2)
  const y = TOP + index * LINE
  const length = (reach / 2) * BAR
  return `
  <text x="${LEFT - 12}" y="${y + 15}" text-anchor="end">${escaped(row.name)}</text>
  <rect x="${LEFT}" y="${y}" width="${length.toFixed(1)}" height="20" rx="3" fill="${row.ok === true ? "#2f8f5b" : "#c2543d"}"/>
  <text x="${LEFT + BAR + 12}" y="${y + 10}" font-size="11">${escaped(seenOf(row))}</text>
  <text x="${LEFT + BAR + 12}" y="${y + 23}" font-size="10" fill="#777">goal ${escaped(row.goal ?? "")}</text>`
}

/** The budgets as bars: the line in the middle is the goal. */
export const chartOf = (rows: ReadonlyArray<Row>, machine: string): string => {
  const budgets = rows.filter((row) => reachOf(row) !== undefined)
  const height = TOP + budgets.length * LINE + 30
  const goal = LEFT + BAR / 2
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="12" fill="#333">
  <rect width="${WIDTH}" height="${height}" fill="#fff"/>
  <text x="20" y="24" font-size="16" font-weight="600">Crewlog: the budgets</text>
  <text x="20" y="42" font-size="11" fill="#777">${escaped(machine)}</text>
  <line x1="${goal}" y1="${TOP - 10}" x2="${goal}" y2="${height - 24}" stroke="#333" stroke-dasharray="3 3"/>
  <text x="${goal}" y="${height - 10}" text-anchor="middle" font-size="10" fill="#777">the goal; bars end at twice as good</text>${budgets.map(barOf).join("")}
</svg>
`
}
