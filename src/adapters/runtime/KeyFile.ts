import { Option, Redacted } from "effect"
import { createHash } from "node:crypto"
import {
  chownSync,
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs"
import { dirname } from "node:path"
import { ENCRYPTION_KEYS, type EncryptionKey, parseEncryptionKeys } from "../../config.ts"
import type { SealingKey, SealingKeys } from "../node/Sealing.ts"
import { FolderLocked, takeLock } from "./FolderLock.ts"
import { randomSecret } from "./SecretFile.ts"

/** The file of sealing keys in the data folder, as CREWLOG_ENCRYPTION_KEY has them, where that is not set. */
export const KEY_FILE = "encryption-key"

const toSealingKey = ({ hex, id }: EncryptionKey): SealingKey => {
  const bytes = Buffer.from(Redacted.value(hex), "hex")
  return {
    id: Option.getOrElse(id, () => createHash("sha256").update(bytes).digest("hex").slice(0, 8)),
    bytes: Redacted.make(bytes),
  }
}

/** The sealing keys of a setting; undefined where it has no key. */
export const sealingKeysOf = (keys: ReadonlyArray<EncryptionKey>): SealingKeys | undefined => {
  const [first, ...others] = keys.map(toSealingKey)
  return first === undefined ? undefined : [first, ...others]
}

/** Throws where the text of a key file is something else. */
export const sealingKeysIn = (text: string): SealingKeys => {
  const keys = sealingKeysOf(Option.getOrElse(parseEncryptionKeys(text), () => []))
  if (keys === undefined) throw new Error(`it should hold ${ENCRYPTION_KEYS}`)
  return keys
}

/**
 * Whole or not at all, also when we die or the power fails: what is sealed with a key is worth nothing without it.
 * Nobody else changes the file meanwhile.
 */
const rewrite = (path: string, change: (keys: ReadonlyArray<string>) => ReadonlyArray<string>) => {
  const lock = takeLock(`${path}.lock`)
  if (lock instanceof FolderLocked) throw new Error(`process ${lock.pid} is changing it: try again`)
  try {
    const fresh = `${path}.new`
    const keys = readFileSync(path, "utf8").trim().split(",")
    const { gid, uid } = statSync(path)
    rmSync(fresh, { force: true })
    writeFileSync(fresh, `${change(keys).join(",")}\n`, { mode: 0o600, flag: "wx", flush: true })
    chownSync(fresh, uid, gid)
    renameSync(fresh, path)
    const folder = openSync(dirname(path), "r")
    fsyncSync(folder)
    closeSync(folder)
  } finally {
    lock()
  }
}

/** Puts a new key in front of those in a file, and gives its id. Throws what node:fs throws. */
export const addKey = (path: string): string => {
  const hex = randomSecret()
  rewrite(path, (keys) => [hex, ...keys])
  return toSealingKey({ id: Option.none(), hex: Redacted.make(hex) }).id
}

/** Takes keys out of a file by their ids. Throws what node:fs throws. */
export const removeKeys = (path: string, ids: ReadonlySet<string>): void =>
  rewrite(path, (keys) => keys.filter((key) => !ids.has(sealingKeysIn(key)[0].id)))
