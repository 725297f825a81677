import { styleText } from "node:util"
import { type Finding, objections, tameness, verdictOf } from "./Finding.ts"

const WIDTH = 28
const SHOWN = 8

const countsOf = ({ counts }: Finding): string =>
  Object.entries(counts)
    .map(([name, count]) => `${count.toLocaleString("en")} ${name}`)
    .join(", ")

const numberOf = ({ promise }: Finding) => Number(promise.slice(1))

const rowOf = (finding: Finding, isColoured: boolean): ReadonlyArray<string> => {
  const verdict = verdictOf(finding)
  const shown = isColoured
    ? styleText(verdict === "kept" ? "green" : "red", verdict.padEnd(9))
    : verdict.padEnd(9)
  const against = [
    ...(finding.impossible === undefined ? [] : [`THIS MACHINE CAN'T MAKE THE FAULT: ${finding.impossible}`]),
    ...reasonsOf(finding),
  ]
  const more = against.length > SHOWN ? [`... and ${against.length - SHOWN} more`] : []
  return [
    `${finding.promise.padEnd(4)} ${finding.what.padEnd(WIDTH)} ${shown}  ${countsOf(finding)}`,
    ...[...against.slice(0, SHOWN), ...more].map((line) => `       ${line}`),
  ]
}

const reasonsOf = (finding: Finding): ReadonlyArray<string> => [...tameness(finding), ...objections(finding)]

/** A line that names the promises that were not kept, and the first reason. */
export const inShort = (finding: Finding): string => {
  const [first = "", ...more] = reasonsOf(finding)
  const others = more.length === 0 ? "" : ` (and ${more.length} more)`
  return `${finding.promise} ${finding.what}: ${verdictOf(finding)}: ${first}${others}`
}

/** The table at the end of a run. */
export const tableOf = (findings: ReadonlyArray<Finding>, isColoured: boolean): string =>
  findings
    .toSorted((one, other) => numberOf(one) - numberOf(other))
    .flatMap((finding) => rowOf(finding, isColoured))
    .join("\n")
