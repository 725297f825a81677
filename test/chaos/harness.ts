import { onTestFinished } from "vitest"
import { spawn } from "node:child_process"

export interface Ended {
  readonly code: number | null
  readonly output: string
}

/** Runs the harness as `make chaos-short` does, with more arguments; ends with the test in any case. */
export const chaosShort = (
  args: ReadonlyArray<string>,
  heard: (text: string) => void = () => {},
): Promise<Ended> =>
  new Promise((ended) => {
    const child = spawn(process.execPath, ["chaos/main.ts", "--short", ...args])
    onTestFinished(() => void child.kill("SIGTERM"))
    let output = ""
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        output += text
        heard(text)
      })
    }
    child.on("close", (code) => ended({ code, output }))
  })
