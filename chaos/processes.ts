import { execFileSync } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"

interface Entry {
  readonly pid: number
  readonly parent: number
  readonly command: string
}

const fromProc = (): ReadonlyArray<Entry> =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
        const [, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
        const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ")
        return [{ pid: Number(pid), parent: Number(parent), command }]
      } catch {
        return []
      }
    })

const fromPs = (): ReadonlyArray<Entry> =>
  execFileSync("ps", ["-A", "-o", "pid=,ppid=,args="], { encoding: "utf8" })
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .map(([pid, parent, ...command]) => ({
      pid: Number(pid),
      parent: Number(parent),
      command: command.join(" "),
    }))

/** The processes that a process of ours started, and those that they started. */
export const descendantsOf = (pid: number): ReadonlyArray<Entry> => {
  const all = process.platform === "linux" ? fromProc() : fromPs()
  const below = (parent: number): ReadonlyArray<Entry> =>
    all.filter((entry) => entry.parent === parent).flatMap((entry) => [entry, ...below(entry.pid)])
  return below(pid)
}

/** Sends a signal to a process that may be gone by now. */
export const signalTo = (pid: number, signal: NodeJS.Signals): void => {
  try {
    process.kill(pid, signal)
  } catch {
    // It ended by itself.
  }
}
