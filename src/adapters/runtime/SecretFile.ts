import { randomBytes } from "node:crypto"
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"

/** A fresh secret: 256 random bits in hex. */
export const randomSecret = (): string => randomBytes(32).toString("hex")

/**
 * The content of a file that only we may read; where there is none yet, `make` provides it. Whole or not at all,
 * also when we die meanwhile. Throws what node:fs throws.
 */
export const secretFile = (path: string, make: () => string): string => {
  const fresh = `${path}.${process.pid}`
  try {
    return readFileSync(path, "utf8").trim()
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error
  }
  writeFileSync(fresh, `${make()}\n`, { mode: 0o600, flush: true })
  try {
    linkSync(fresh, path)
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error
  } finally {
    rmSync(fresh)
  }
  return readFileSync(path, "utf8").trim()
}

/** Puts a secret in the place of another, whole or not at all. Throws what node:fs throws. */
export const replaceSecret = (path: string, secret: string): void => {
  const fresh = `${path}.${process.pid}`
  writeFileSync(fresh, `${secret}\n`, { mode: 0o600, flush: true })
  renameSync(fresh, path)
}
