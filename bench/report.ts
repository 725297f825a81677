import { execFileSync } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { chartOf } from "./chart.ts"
import { rounded } from "./figures.ts"
import { ROOT } from "./Program.ts"
import type { Row } from "./Row.ts"

interface Circumstances {
  readonly machine: Readonly<Record<string, string | number>>
  readonly isQuick: boolean
  readonly isWhole: boolean
}

const packages = ["effect", "@nats-io/jetstream", "postgres", "ws"]

const versionOf = (name: string): string => {
  const { version } = JSON.parse(readFileSync(join(ROOT, "node_modules", name, "package.json"), "utf8")) as {
    readonly version: string
  }
  return version
}

const natsVersion = (): string => {
  try {
    const said = execFileSync(join(ROOT, ".tools/bin/nats-server"), ["--version"], { encoding: "utf8" })
    return said.trim().replace("nats-server: v", "")
  } catch {
    return "unknown"
  }
}

const versions = (): Record<string, string> => ({
  node: process.version,
  "nats-server": natsVersion(),
  ...Object.fromEntries(packages.map((name) => [name, versionOf(name)])),
})

const verdictOf = ({ ok }: Row) => (ok === null ? "" : ok ? "ok" : "SHORT")
const number = (value: number | null) => (value === null ? "" : rounded(value).toLocaleString("en"))

const linesOf = (row: Row): ReadonlyArray<string> => {
  const { baseline, details, goal, name, ratio, unit, value } = row
  const columns = [
    name.padEnd(60),
    `${number(value)} ${unit}`.padStart(14),
    number(baseline).padStart(9),
    ratio === null ? "".padStart(7) : `${ratio.toFixed(2)}x`.padStart(7),
    (goal ?? "").padStart(10),
    verdictOf(row).padStart(6),
  ]
  const more = Object.entries(details).map(([what, seen]) => `${what} ${seen}`)
  return [columns.join(" "), ...(more.length === 0 ? [] : [`    ${more.join(" · ")}`])]
}

/** Prints the table and writes bench/latest.json; after a whole run also the chart. */
export const report = (rows: ReadonlyArray<Row>, { isQuick, isWhole, machine }: Circumstances): void => {
  const latest = { machine, versions: versions(), at: new Date().toISOString(), isQuick, isWhole, rows }
  writeFileSync(join(ROOT, "bench", "latest.json"), `${JSON.stringify(latest, undefined, 2)}\n`)
  const said = (parts: object) =>
    Object.entries(parts)
      .map(([name, value]) => `${name} ${value}`)
      .join(" · ")
  if (isWhole && !isQuick) {
    writeFileSync(
      join(ROOT, "docs", "budgets.svg"),
      chartOf(rows, `${said(machine)} · ${latest.at.slice(0, 10)}`),
    )
  }
  console.log(`\n${said(machine)}\n${said(latest.versions)}\n`)
  console.log(rows.flatMap(linesOf).join("\n"))
}
