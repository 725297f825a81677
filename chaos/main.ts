import { existsSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { parseArgs } from "node:util"
import { type Finding, verdictOf } from "./Finding.ts"
import { inOwnMounts } from "./mounts.ts"
import { Random } from "./Random.ts"
import { onDemand, patient, runs } from "./runs.ts"
import { Scene } from "./Scene.ts"
import { inShort, tableOf } from "./table.ts"

const USAGE = `node chaos/main.ts [--short] [--seed <n>] [--only <run>,...] [--main <program>] [--sync-interval <time>]
  runs: ${Object.keys(runs).join(", ")}`

const { values: given } = parseArgs({
  options: {
    short: { type: "boolean", default: false },
    seed: { type: "string" },
    only: { type: "string" },
    /** A program with a planted fault, to see that it turns red. */
    main: { type: "string" },
    "sync-interval": { type: "string", default: "always" },
    help: { type: "boolean", default: false },
    /** Set when it starts itself anew. */
    "own-mounts": { type: "boolean", default: false },
  },
})
const seed = Number(given.seed ?? Math.floor(Math.random() * 1_000_000))
const names = given.only?.split(",") ?? Object.keys(runs).filter((name) => !onDemand.has(name))
if (given.help || !Number.isInteger(seed) || names.some((name) => !(name in runs))) {
  console.log(USAGE)
  process.exit(given.help ? 0 : 2)
}

const elsewhere = await inOwnMounts("--own-mounts")
if (elsewhere !== undefined) process.exit(elsewhere)

// Memory where there is some: kill -9 loses nothing of it, and it is quick. The power cut makes its own disk.
const parent = existsSync("/dev/shm") ? "/dev/shm" : tmpdir()
const random = new Random(seed)
const scale = given.short ? 1 : 8
const scenes = new Set<Scene>()
const endAll = async () => {
  const all = [...scenes]
  await Promise.all(all.map((scene) => scene.end()))
  // The runs go on until we exit, and may have written again.
  for (const { folder } of all) rmSync(folder, { recursive: true, force: true })
}

let isEnding = false
const interrupt = (code: number) => () => {
  if (isEnding) return
  isEnding = true
  console.log("chaos: interrupted, ending what it started ...")
  void endAll().finally(() => process.exit(code))
}
process.on("SIGINT", interrupt(130))
process.on("SIGTERM", interrupt(143))

/** A run that hangs is a finding too. */
const LONGEST = (given.short ? 3 : 12) * 60_000

const within = async <Value>(
  milliseconds: number,
  work: Promise<Value> | undefined,
): Promise<Value | undefined> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    const tooLong = () => reject(new Error(`it is not over after ${milliseconds / 60_000} minutes`))
    timer = setTimeout(tooLong, milliseconds)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

const run = async (name: string): Promise<ReadonlyArray<Finding>> => {
  const started = performance.now()
  const tell = (what: string) =>
    console.log(
      `${name.padEnd(9)} ${((performance.now() - started) / 1_000).toFixed(1).padStart(6)} s  ${what}`,
    )
  const scene = new Scene(parent)
  scenes.add(scene)
  tell("begins")
  try {
    const context = {
      scene,
      random: random.fork(name),
      scale,
      main: given.main,
      syncInterval: given["sync-interval"],
      ownMounts: given["own-mounts"],
      tell,
    }
    return (await within(LONGEST, runs[name]?.(context))) ?? []
  } catch (error) {
    const what = error instanceof Error ? (error.stack ?? error.message) : String(error)
    return [{ promise: "P0", what: `the run "${name}" failed`, counts: {}, broken: [what] }]
  } finally {
    if (!isEnding) await scene.end()
    scenes.delete(scene)
    tell("has ended")
  }
}

/** Runs all of them, each after the one before. */
const runAll = async (lane: ReadonlyArray<string>): Promise<ReadonlyArray<Finding>> => {
  const findings: Array<Finding> = []
  for (const name of lane) if (!isEnding) findings.push(...(await run(name)))
  return findings
}

console.log(`chaos: seed ${seed}${given.main === undefined ? "" : `, with ${given.main}`}`)
// Half of them mostly wait for something: two at a time.
const lanes = [names.filter((name) => !patient.has(name)), names.filter((name) => patient.has(name))]
const findings = (await Promise.all(lanes.map(runAll))).flat()
const isFine = (finding: Finding) => ["kept", "NOT SHOWN"].includes(verdictOf(finding))
const broken = findings.filter((finding) => !isFine(finding))
console.log(`\n${tableOf(findings, process.stdout.isTTY)}\n`)
for (const finding of broken) console.log(`chaos: ${inShort(finding)}`)
console.log(
  `chaos: ${broken.length === 0 ? "every promise that could be tried was kept" : "NOT ALL PROMISES WERE KEPT"}; seed ${seed}`,
)
process.exit(broken.length === 0 ? 0 : 1)
