import { randomUUID } from "node:crypto"
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { startOf } from "./ProcessTable.ts"

/** The pid of the process that holds the lock. */
export class FolderLocked {
  readonly pid: number
  constructor(pid: number) {
    this.pid = pid
  }
}

const codeOf = (error: unknown) => (error instanceof Error && "code" in error ? error.code : undefined)

/** The holder's pid, or undefined where that process is gone, be it that another has its pid now. */
const holderIn = (content: string): number | undefined => {
  const [pid, ...start] = content.trim().split(" ")
  return startOf(Number(pid)) === start.join(" ") ? Number(pid) : undefined
}

/** The pid of the living process that holds the lock at a path; undefined where nobody does. */
export const lockHolder = (path: string): number | undefined => {
  try {
    return holderIn(readFileSync(path, "utf8"))
  } catch {
    return undefined
  }
}

/** Puts a lock of a dead process out of the way, unless somebody else took it over meanwhile. */
const remove = (path: string, stale: string) => {
  const aside = `${path}.${randomUUID()}`
  try {
    renameSync(path, aside)
    if (readFileSync(aside, "utf8") !== stale) linkSync(aside, path)
    rmSync(aside)
  } catch (error) {
    if (codeOf(error) !== "ENOENT" && codeOf(error) !== "EEXIST") throw error
  }
}

const take = (path: string, mine: string): FolderLocked | undefined => {
  try {
    linkSync(mine, path)
    return undefined
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error
  }
  let held: string
  try {
    held = readFileSync(path, "utf8")
  } catch (error) {
    if (codeOf(error) === "ENOENT") return take(path, mine)
    throw error
  }
  const pid = holderIn(held)
  if (pid !== undefined) return new FolderLocked(pid)
  remove(path, held)
  return take(path, mine)
}

/**
 * Takes a lock that ends with this process, however that ends: the file names our pid and when we started, so
 * that neither a dead holder nor another process with its pid counts. Throws what node:fs throws.
 */
export const takeLock = (path: string): FolderLocked | (() => void) => {
  const mine = `${path}.${randomUUID()}`
  writeFileSync(mine, `${process.pid} ${startOf(process.pid)}\n`, { mode: 0o600, flush: true })
  try {
    return take(path, mine) ?? (() => rmSync(path, { force: true }))
  } finally {
    rmSync(mine)
  }
}
