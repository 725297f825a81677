import { rounded } from "./figures.ts"
import type { Row } from "./Row.ts"

const WIDTH = 990
const LINE = 30
const LEFT = 515
const BAR = 230
const TOP = 70
const BOTTOM = 30
/** Bars end at so many times the goal. */
const FURTHEST = 4

/** The part of the goal that is reached: 1 is exactly there, more is better. */
const reachOf = ({ goal, ok, ratio, value }: Row): number | undefined => {
  const [, sign = "", number = "0", times = ""] = /^(>=|<=) ([\d.]+)(x?)/.exec(goal ?? "") ?? []
  if (sign === "" || ok === null) return undefined
  const seen = times === "x" ? (ratio ?? 0) : value
  if (sign === ">=") return seen / Number(number)
  return seen <= 0 ? Infinity : Number(number) / seen
}

/** In steps of doubling, with the goal in the middle: a quarter of it is the left end. */
const lengthOf = (reach: number): number => {
  const steps = Math.log2(Math.min(Math.max(reach, 1 / FURTHEST), FURTHEST)) / Math.log2(FURTHEST)
  return ((steps + 1) / 2) * BAR
}

const escaped = (text: string) =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")

const seenOf = ({ ratio, unit, value }: Row) =>
  `${rounded(value).toLocaleString("en")} ${unit}${ratio === null ? "" : `, ${ratio.toFixed(2)}x`}`

const barOf = (row: Row, index: number): string => {
  const y = TOP + index * LINE
  const length = Math.max(2, lengthOf(reachOf(row) ?? 0))
  return `
  <text class="name" x="${LEFT - 12}" y="${y + 13}">${escaped(row.name)}</text>
  <rect class="${row.ok === true ? "reached" : "short"}" x="${LEFT}" y="${y}" width="${length.toFixed(1)}" height="18" rx="2"/>
  <text x="${LEFT + BAR + 12}" y="${y + 13}">${escaped(seenOf(row))} <tspan class="quiet">goal ${escaped(row.goal ?? "")}</tspan></text>`
}

// Colours that can be read on white and on black; the browser says which it is.
const STYLE = `
  svg { font: 12px system-ui, sans-serif; }
  text { fill: #24292f; } .quiet { fill: #6e7781; } .name { text-anchor: end; }
  .title { font-size: 16px; font-weight: 600; } .small { font-size: 11px; }
  .goal { stroke: #6e7781; stroke-dasharray: 3 3; }
  .reached { fill: #2f8f5b; } .short { fill: #c2543d; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; } .quiet { fill: #8d96a0; } .goal { stroke: #8d96a0; }
  }`

/** The budgets as bars: the line in the middle is the goal. */
export const chartOf = (rows: ReadonlyArray<Row>, machine: string): string => {
  const budgets = rows.filter((row) => reachOf(row) !== undefined)
  const height = TOP + budgets.length * LINE + BOTTOM
  const goal = LEFT + BAR / 2
  const reached = budgets.filter(({ ok }) => ok === true).length
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}">
  <style>${STYLE}
  </style>
  <text class="title" x="16" y="26">Crewlog's budgets: ${reached} of ${budgets.length} reached</text>
  <text class="quiet small" x="16" y="46">${escaped(machine)}</text>
  <line class="goal" x1="${goal}" y1="${TOP - 10}" x2="${goal}" y2="${height - BOTTOM + 2}"/>
  <text class="quiet small" x="${goal}" y="${height - 10}" text-anchor="middle">the goal; bars end at a quarter of it and at four times as good</text>${budgets.map(barOf).join("")}
</svg>
`
}
