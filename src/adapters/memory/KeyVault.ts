import { Clock, Effect, Layer } from "effect"
import { KeyVault } from "../../commands/KeyVault.ts"
import type { SealingKeys } from "../node/Sealing.ts"
import { type Bucket, type Revision, sealedVault } from "../sealedVault.ts"

/** A bucket in memory, for unit tests: as that of NATS, what is overwritten stays until it is erased. */
export const memoryBucket = (): Bucket => {
  let all: ReadonlyArray<Revision> = []
  let last = 0
  const newest = (name: string) => all.findLast((one) => one.name === name)
  return {
    newest: (name) => Effect.sync(() => newest(name)),
    store: (name, text, after) =>
      Effect.map(Clock.currentTimeMillis, (storedAt) => {
        if (after !== undefined && newest(name)?.revision !== after) return false
        all = [...all, { name, revision: ++last, text, storedAt }]
        return true
      }),
    revisions: (backend) =>
      Effect.sync(() => all.filter(({ name }) => backend === undefined || name.startsWith(`${backend}.`))),
    erase: (revision) =>
      Effect.sync(() => {
        all = all.filter((one) => one.revision !== revision)
      }),
  }
}

/** Keeps the contract of the real one (test/contracts/KeyVault.ts). */
export const layer = (keys: SealingKeys) => Layer.sync(KeyVault, () => sealedVault(memoryBucket(), keys))
