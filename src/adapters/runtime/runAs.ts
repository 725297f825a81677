import { readFileSync, statSync } from "node:fs"
import { dirname } from "node:path"
import type { RunAs } from "./ChildProcess.ts"

const isRoot = process.getuid?.() === 0

/** The mode of folders above PostgreSQL's: others may pass through where PostgreSQL is not us, but not look. */
export const PASSABLE = isRoot ? 0o711 : 0o700

const CAPABILITIES = [
  ["dac_read_search", 2n],
  ["dac_override", 1n],
] as const

const nobody = (): RunAs | undefined => {
  const line = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .find((entry) => entry.startsWith("nobody:"))
  const [, , uid, gid] = line?.split(":") ?? []
  return uid === undefined || gid === undefined ? undefined : { uid: Number(uid), gid: Number(gid) }
}

const ownerOf = (path: string): RunAs | undefined => {
  const { uid, gid } = statSync(path, { throwIfNoEntry: false }) ?? { uid: 0, gid: 0 }
  return uid === 0 ? undefined : { uid, gid }
}

/** Answers whether anybody may pass through every folder above. */
const isOpen = (path: string): boolean => {
  const above = dirname(path)
  return above === path || ((statSync(above).mode & 0o001) !== 0 && isOpen(above))
}

const capability = (): string | undefined => {
  const mask = /^CapEff:\s*([\da-f]+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1]
  return CAPABILITIES.find(([, bit]) => (BigInt(`0x${mask ?? 0}`) & (1n << bit)) !== 0n)?.[0]
}

/**
 * The user that PostgreSQL runs as, since it refuses to be root: the owner of the data that is there, else
 * `nobody`; undefined, our own user, where we are not root. Where that user may not pass through a folder
 * above one of the paths (a checkout under /root, say), it keeps the one capability that lets it, and no
 * other. Throws a sentence where there is no way.
 */
export const unprivileged = (data: string, programs: string): RunAs | undefined => {
  if (!isRoot) return undefined
  const user = ownerOf(data) ?? nobody()
  if (user === undefined) throw new Error("PostgreSQL doesn't run as root, and there is no user nobody")
  if (isOpen(data) && isOpen(programs)) return user
  const keep = process.platform === "linux" ? capability() : undefined
  if (keep !== undefined) return { ...user, keep }
  throw new Error(
    `PostgreSQL doesn't run as root, and user ${user.uid} may not enter the folders above ${data} or ${programs}`,
  )
}
