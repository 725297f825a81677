import { readdirSync, readFileSync } from "node:fs"

/** Of Linux: what one unit of /proc/<pid>/stat is, in microseconds. */
const TICK = 10_000

const statOf = (pid: number): ReadonlyArray<string> => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")
  } catch {
    return []
  }
}

const commandOf = (pid: number): string => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ")
  } catch {
    return ""
  }
}

/** The process and all that it started, and those that they started. */
const familyOf = (pid: number): ReadonlyArray<number> => {
  const all = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((name) => ({ pid: Number(name), parent: Number(statOf(Number(name))[1]) }))
  const below = (parent: number): ReadonlyArray<number> =>
    all.filter((one) => one.parent === parent).flatMap((one) => [one.pid, ...below(one.pid)])
  return [pid, ...below(pid)]
}

/** Microseconds of processor time that a process used, with its ended children's. */
export const cpuOf = (pid: number): number => {
  const [user = "0", system = "0", endedUser = "0", endedSystem = "0"] = statOf(pid).slice(11, 15)
  return (Number(user) + Number(system) + Number(endedUser) + Number(endedSystem)) * TICK
}

/** Processor time of a process and everything below it. */
export const cpuOfFamily = (pid: number): number => familyOf(pid).reduce((all, one) => all + cpuOf(one), 0)

/** The children of a process whose command line matches. */
export const childrenOf = (pid: number, pattern: RegExp): ReadonlyArray<number> =>
  familyOf(pid).filter((one) => one !== pid && pattern.test(commandOf(one)))

/** Resident memory in bytes. */
export const memoryOf = (pid: number): number => {
  try {
    const [, kilobytes = "0"] = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? []
    return Number(kilobytes) * 1_024
  } catch {
    return 0
  }
}
