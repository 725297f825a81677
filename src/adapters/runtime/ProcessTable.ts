import { Effect, Schedule } from "effect"
import { execFileSync } from "node:child_process"
import { readFileSync, readdirSync } from "node:fs"
import { ServerFailed } from "./ServerFailed.ts"

const hasProc = process.platform === "linux"

const textOf = (read: () => string): string => {
  try {
    return read()
  } catch {
    return ""
  }
}

/**
 * The start of a process, in a form that only compares: the same pid with another start is another process.
 * Undefined where no such process runs.
 */
export const startOf = (pid: number): string | undefined => {
  if (!hasProc) {
    return (
      textOf(() => execFileSync("ps", ["-o", "lstart=", "-p", String(pid)], { encoding: "utf8" })).trim() ||
      undefined
    )
  }
  const stat = textOf(() => readFileSync(`/proc/${pid}/stat`, "utf8"))
  // The name, field 2, may hold blanks and brackets; the state is field 3, the start field 22.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
  if (fields[19] === undefined || fields[0] === "Z" || fields[0] === "X") return undefined
  return `${textOf(() => readFileSync("/proc/sys/kernel/random/boot_id", "utf8")).trim()} ${fields[19]}`
}

/** A command line, the program's name first. */
export type Command = ReadonlyArray<string>

const commands = (): ReadonlyArray<readonly [pid: number, command: Command]> => {
  if (!hasProc) {
    const lines = execFileSync("ps", ["-A", "-o", "pid=,args="], { encoding: "utf8" }).split("\n")
    return lines.map((line) => {
      const [pid, ...command] = line.trim().split(/\s+/)
      return [Number(pid), command]
    })
  }
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => [Number(pid), textOf(() => readFileSync(`/proc/${pid}/cmdline`, "utf8")).split("\0")])
}

const kill = (pid: number) => {
  try {
    process.kill(pid, "SIGKILL")
  } catch {
    // It ended by itself in between, or isn't ours to end: the next look tells.
  }
}

/**
 * Ends what an earlier run left behind: every process whose command `isOurs` accepts. Call it only where no
 * other run can be alive, that is under the data folder's lock. Fails where one is left after five seconds.
 */
export const endOrphans = Effect.fn("ProcessTable.endOrphans")(
  function* (server: ServerFailed["server"], isOurs: (command: Command) => boolean) {
    const pids = commands().flatMap(([pid, command]) => (isOurs(command) ? [pid] : []))
    if (pids.length === 0) return
    pids.forEach(kill)
    return yield* new ServerFailed({
      server,
      message: `${server} processes of an earlier run (${pids.join(", ")}) don't end; end them by hand`,
    })
  },
  Effect.retry(Schedule.spaced("20 millis").pipe(Schedule.upTo({ duration: "5 seconds" }))),
)
