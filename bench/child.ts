import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { createInterface } from "node:readline"
import { join } from "node:path"
import { endProcess, ROOT } from "./Program.ts"
import type { Stage } from "./Stage.ts"

const start = (script: string, args: ReadonlyArray<string>): ChildProcess =>
  spawn(process.execPath, [join(ROOT, "bench", "children", script), ...args], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "inherit"],
    env: { PATH: process.env["PATH"] ?? "", NODE_OPTIONS: process.env["BENCH_CHILD_OPTIONS"] ?? "" },
  })

/** Runs a program of children/ to its end and answers the line of JSON that it prints. */
export const answerOf = async <Answer>(
  stage: Stage,
  script: string,
  args: ReadonlyArray<string>,
): Promise<Answer> => {
  const child = start(script, args)
  stage.onEnd(() => endProcess(child))
  let output = ""
  child.stdout?.on("data", (text) => (output += String(text)))
  const [code] = (await once(child, "close")) as [number | null]
  if (code !== 0) throw new Error(`${script} ended with ${code}: ${output}`)
  return JSON.parse(output.trim().split("\n").at(-1) ?? "") as Answer
}

/** Starts a program of children/ that serves, and waits for the line of JSON in which it says where. */
export const serving = async <Answer>(
  stage: Stage,
  script: string,
  args: ReadonlyArray<string>,
): Promise<Answer & { readonly pid: number }> => {
  const child = start(script, args)
  stage.onEnd(() => endProcess(child))
  const { stdout } = child
  if (stdout === null) throw new Error("no output")
  const lines = createInterface({ input: stdout })
  const first = await Promise.race([
    once(lines, "line").then(([line]) => String(line)),
    once(child, "exit").then(([code]) => {
      throw new Error(`${script} ended at its start with ${code}`)
    }),
  ])
  return { ...(JSON.parse(first) as Answer), pid: child.pid ?? 0 }
}
