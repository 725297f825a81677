import * as NodeServices from "@effect/platform-node/NodeServices"
import { ConfigProvider, Console, Effect } from "effect"
import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { run } from "../../src/cli/root.ts"
import { searchPath } from "../support/servers.ts"

const program = fileURLToPath(new URL("../../src/cli/crewlog.ts", import.meta.url))

export interface Answer {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

export type Environment = Readonly<Record<string, string>>

/** A command line that runs, in an environment of nothing else but PATH. */
export const start = (args: ReadonlyArray<string>, env: Environment = {}) => {
  const child = spawn(process.execPath, [program, ...args], { env: { PATH: searchPath, ...env } })
  let [out, err] = ["", ""]
  const heard = new Set<() => void>()
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    out += text
    for (const listener of heard) listener()
  })
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    err += text
  })
  return {
    child,
    /** Waits until stdout holds a text. */
    said: (text: string) =>
      new Promise<void>((resolve) => {
        const look = () => {
          if (!out.includes(text)) return
          heard.delete(look)
          resolve()
        }
        heard.add(look)
        look()
      }),
    ended: new Promise<Answer>((resolve, reject) => {
      child.on("error", reject)
      child.on("close", (code) => resolve({ code, out, err }))
    }),
  }
}

/** Runs a command line to its end, as a process. */
export const spawned = (args: ReadonlyArray<string>, env?: Environment) =>
  Effect.promise(() => start(args, env).ended)

/**
 * Runs a command line in this process. A fold is known by its source text, and vitest's differs from Node's: what
 * was made here has to be looked at from here.
 */
export const crewlog = (args: ReadonlyArray<string>, env: Environment = {}): Effect.Effect<Answer> =>
  Effect.suspend(() => {
    const printed = { out: "", err: "" }
    const into = (stream: keyof typeof printed) => (text: string) => {
      printed[stream] += `${text}\n`
    }
    const console = Object.assign(Object.create(globalThis.console), { log: into("out"), error: into("err") })
    return run(args).pipe(
      Effect.provideService(Console.Console, console as Console.Console),
      Effect.provide([
        NodeServices.layer,
        ConfigProvider.layer(ConfigProvider.fromUnknown({ PATH: searchPath, ...env })),
      ]),
      Effect.map((code) => ({ code, ...printed })),
    )
  })
