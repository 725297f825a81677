import { cpus, release, tmpdir, totalmem } from "node:os"
import { parseArgs } from "node:util"
import type { Row } from "./Row.ts"
import type { Run } from "./Run.ts"
import { report } from "./report.ts"
import { runs } from "./runs.ts"
import { Stage } from "./Stage.ts"

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: "boolean", default: false },
    /** The folder of the servers' data: on a disk, or fsync is for nothing. */
    folder: { type: "string", default: tmpdir() },
    help: { type: "boolean", default: false },
  },
})
const wanted = positionals.length > 0 ? positionals : Object.keys(runs)
if (values.help || wanted.some((name) => !(name in runs))) {
  console.log(
    `node bench/main.ts [--quick] [--folder <path>] [run ...]\n  runs: ${Object.keys(runs).join(" ")}`,
  )
  process.exit(values.help ? 0 : 2)
}

let stage: Stage | undefined
const interrupt = (code: number) => () => {
  console.log("bench: interrupted, ending what it started ...")
  void (stage?.end() ?? Promise.resolve()).finally(() => process.exit(code))
}
process.once("SIGINT", interrupt(130))
process.once("SIGTERM", interrupt(143))

const started = performance.now()
const seconds = () => ((performance.now() - started) / 1_000).toFixed(0).padStart(4)

const measure = async (name: string, run: Run): Promise<ReadonlyArray<Row>> => {
  const tell = (what: string) => console.log(`${seconds()} s  ${name.padEnd(8)} ${what}`)
  stage = new Stage(values.folder)
  tell("begins")
  try {
    return await run({ stage, isQuick: values.quick, tell })
  } catch (error) {
    tell(`failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
    process.exitCode = 1
    return []
  } finally {
    await stage.end()
  }
}

const rows: Array<Row> = []
for (const name of wanted) {
  const run = runs[name]
  if (run !== undefined) rows.push(...(await measure(name, run)))
}
report(rows, {
  machine: {
    cpu: cpus()[0]?.model ?? "unknown",
    cores: cpus().length,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    system: `${process.platform} ${release()}`,
    folder: values.folder,
  },
  isQuick: values.quick,
  isWhole: positionals.length === 0 && process.exitCode === undefined,
})
console.log(`bench: ${seconds().trim()} s`)
